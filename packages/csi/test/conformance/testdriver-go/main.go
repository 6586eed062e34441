// Prints the type of test-driver files as Kubernetes' storage suite declares it, and the names of the capabilities that it
// knows, from the suite's sources: the suite itself cannot be linked without all of the kubelet.
//
//	go run . <folder of the module k8s.io/kubernetes>
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
)

// Where types and constants stand, below test/e2e.
var sources = []string{
	"storage/external/external.go",
	"storage/framework/testdriver.go",
	"framework/volume/fixtures.go",
}

func main() {
	types := map[string]ast.Expr{}
	capabilities := []string{}
	for _, source := range sources {
		path := filepath.Join(os.Args[1], "test/e2e", source)
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			fail(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			switch one := node.(type) {
			case *ast.TypeSpec:
				types[one.Name.Name] = one.Type
			case *ast.ValueSpec:
				if named, ok := one.Type.(*ast.Ident); ok && named.Name == "Capability" {
					text, err := strconv.Unquote(one.Values[0].(*ast.BasicLit).Value)
					if err != nil {
						fail(err)
					}
					capabilities = append(capabilities, text)
				}
			}
			return true
		})
	}
	if types["driverDefinition"] == nil {
		fail(fmt.Errorf("there is no driverDefinition in %s", os.Args[1]))
	}
	told := map[string]any{"file": describe(types["driverDefinition"], types), "capabilities": capabilities}
	if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
		fail(err)
	}
}

// Structs as objects of their fields, lists as one element, maps under "*", all else as the name of its type.
func describe(expression ast.Expr, types map[string]ast.Expr) any {
	switch one := expression.(type) {
	case *ast.StructType:
		fields := map[string]any{}
		for _, field := range one.Fields.List {
			for _, name := range field.Names {
				fields[name.Name] = describe(field.Type, types)
			}
		}
		return fields
	case *ast.ArrayType:
		return []any{describe(one.Elt, types)}
	case *ast.MapType:
		return map[string]any{"*": describe(one.Value, types)}
	case *ast.StarExpr:
		return describe(one.X, types)
	case *ast.Ident:
		if known, ok := types[one.Name]; ok {
			return describe(known, types)
		}
		return one.Name
	case *ast.SelectorExpr:
		if one.Sel.Name == "String" {
			// A set is a map of empty objects.
			return map[string]any{"*": map[string]any{}}
		}
		return describe(one.Sel, types)
	default:
		return "any"
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
