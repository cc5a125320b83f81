//go:build !race

package wan_test

// How many seeds the convergence tests run unless they are told.
const (
	fewSeeds = 100
	allSeeds = true
)
