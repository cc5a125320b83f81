//go:build !race

package wan_test

// fewSeeds is how many seeds the convergence test runs unless it is told.
const fewSeeds = 100
