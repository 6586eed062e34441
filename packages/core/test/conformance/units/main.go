// Reads texts as JSON and tells what Go's own packages make of each: a canonical text, or "" for one that they refuse.
package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/duration"
)

type question struct {
	Quantities     []string    `json:"quantities"`
	QuantityPairs  [][2]string `json:"quantityPairs"`
	Durations      []string    `json:"durations"`
	AgesMs         []int64     `json:"agesMs"`
	Addresses      []string    `json:"addresses"`
	AddressPairs   [][2]string `json:"addressPairs"`
	Ranges         []string    `json:"ranges"`
	RangePairs     [][2]string `json:"rangePairs"`
	RangesAndAddrs [][2]string `json:"rangesAndAddresses"`
}

type answer struct {
	Quantities     []string `json:"quantities"`
	QuantityPairs  []int    `json:"quantityPairs"`
	Durations      []string `json:"durations"`
	AgesMs         []string `json:"agesMs"`
	Addresses      []string `json:"addresses"`
	AddressPairs   []int    `json:"addressPairs"`
	Ranges         []string `json:"ranges"`
	RangePairs     []bool   `json:"rangePairs"`
	RangesAndAddrs []bool   `json:"rangesAndAddresses"`
}

func main() {
	var q question
	if err := json.NewDecoder(os.Stdin).Decode(&q); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	a := answer{
		Quantities: each(q.Quantities, quantity),
		QuantityPairs: each(q.QuantityPairs, func(pair [2]string) int {
			first, second := resource.MustParse(pair[0]), resource.MustParse(pair[1])
			return first.Cmp(second)
		}),
		Durations: each(q.Durations, func(text string) string {
			parsed, err := time.ParseDuration(text)
			return textOf(parsed, err)
		}),
		AgesMs: each(q.AgesMs, func(ms int64) string {
			return duration.HumanDuration(time.Duration(ms) * time.Millisecond)
		}),
		Addresses: each(q.Addresses, func(text string) string {
			parsed, err := netip.ParseAddr(text)
			// Zones belong to a machine, and are none of an address' value.
			if err == nil && parsed.Zone() != "" {
				return ""
			}
			return textOf(parsed, err)
		}),
		AddressPairs: each(q.AddressPairs, func(pair [2]string) int {
			return netip.MustParseAddr(pair[0]).Compare(netip.MustParseAddr(pair[1]))
		}),
		Ranges: each(q.Ranges, func(text string) string {
			parsed, err := netip.ParsePrefix(text)
			return textOf(parsed.Masked(), err)
		}),
		RangePairs: each(q.RangePairs, func(pair [2]string) bool {
			return netip.MustParsePrefix(pair[0]).Overlaps(netip.MustParsePrefix(pair[1]))
		}),
		RangesAndAddrs: each(q.RangesAndAddrs, func(pair [2]string) bool {
			return netip.MustParsePrefix(pair[0]).Contains(netip.MustParseAddr(pair[1]))
		}),
	}
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func each[T, R any](items []T, of func(T) R) []R {
	results := []R{}
	for _, item := range items {
		results = append(results, of(item))
	}
	return results
}

func quantity(text string) string {
	parsed, err := resource.ParseQuantity(text)
	if err != nil {
		return ""
	}
	// String() gives back the text that was parsed, for as long as nothing was done with the quantity.
	digits, suffix := parsed.CanonicalizeBytes(nil)
	return string(digits) + string(suffix)
}

func textOf(value fmt.Stringer, err error) string {
	if err != nil {
		return ""
	}
	return value.String()
}
