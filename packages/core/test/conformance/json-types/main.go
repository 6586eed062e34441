// Reads {"<contract>": <document>} and, for each, decodes the document into the published Go type, strictly. Prints what Go
// makes of it: the error if there is one, the document written back, and the fields of the type that it left unset.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	cni "github.com/containernetworking/cni/pkg/types"
	cnicreate "github.com/containernetworking/cni/pkg/types/create"
	admission "k8s.io/api/admission/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	extender "k8s.io/kube-scheduler/extender/v1"
	kubeletconfig "k8s.io/kubelet/config/v1"
	credentials "k8s.io/kubelet/pkg/apis/credentialprovider/v1"
	cdi "tags.cncf.io/container-device-interface/specs-go"
)

var types = map[string]any{
	"CNI error":                         cni.Error{},
	"CDI file":                          cdi.Spec{},
	"credential request":                credentials.CredentialProviderRequest{},
	"credential response":               credentials.CredentialProviderResponse{},
	"credential provider configuration": kubeletconfig.CredentialProviderConfig{},
	"filter arguments":                  extender.ExtenderArgs{},
	"filter result":                     extender.ExtenderFilterResult{},
	"priorities":                        extender.HostPriorityList{},
	"preemption arguments":              extender.ExtenderPreemptionArgs{},
	"preemption result":                 extender.ExtenderPreemptionResult{},
	"binding arguments":                 extender.ExtenderBindingArgs{},
	"binding result":                    extender.ExtenderBindingResult{},
	"admission request":                 admission.AdmissionReview{},
	"admission response":                admission.AdmissionReview{},
	"conversion request":                apiextensions.ConversionReview{},
	"conversion response":               apiextensions.ConversionReview{},
}

type answer struct {
	Error   string          `json:"error"`
	Written json.RawMessage `json:"written"`
	Unset   []string        `json:"unset"`
}

func main() {
	var documents map[string]json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&documents); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	answers := map[string]answer{}
	for name, document := range documents {
		answers[name] = try(exampleOf(name, document), document)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// exampleOf gives the Go type of a contract. Of a CNI result it is the one that CNI's own library chooses for its version.
func exampleOf(name string, document json.RawMessage) any {
	version, isResult := strings.CutPrefix(name, "CNI result ")
	if !isResult {
		return types[name]
	}
	result, err := cnicreate.Create(version, document)
	if err != nil {
		return nil
	}
	return reflect.ValueOf(result).Elem().Interface()
}

func try(example any, document json.RawMessage) answer {
	if example == nil {
		return answer{Error: "no Go type is known"}
	}
	value := reflect.New(reflect.TypeOf(example))
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value.Interface()); err != nil {
		return answer{Error: err.Error()}
	}
	written, err := json.Marshal(value.Interface())
	if err != nil {
		return answer{Error: err.Error()}
	}
	fields := map[string]bool{}
	visit(value.Elem(), value.Elem().Type().PkgPath(), fields)
	unset := []string{}
	for field, isSet := range fields {
		if !isSet {
			unset = append(unset, field)
		}
	}
	slices.Sort(unset)
	return answer{Written: written, Unset: unset}
}

// visit notes every field of structs of the type's own package, and whether one of its values is not zero. Structs of other
// packages are described elsewhere.
func visit(value reflect.Value, pkg string, fields map[string]bool) {
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			visit(value.Elem(), pkg, fields)
		}
	case reflect.Slice:
		for i := range value.Len() {
			visit(value.Index(i), pkg, fields)
		}
	case reflect.Map:
		for _, key := range value.MapKeys() {
			visit(value.MapIndex(key), pkg, fields)
		}
	case reflect.Struct:
		if value.Type().PkgPath() != pkg {
			return
		}
		for i := range value.NumField() {
			field := value.Type().Field(i)
			if !field.IsExported() || field.Tag.Get("json") == "-" {
				continue
			}
			name := value.Type().Name() + "." + field.Name
			fields[name] = fields[name] || !value.Field(i).IsZero()
			visit(value.Field(i), pkg, fields)
		}
	}
}
