//go:build race

package wan_test

// fewSeeds is how many seeds the convergence test runs unless it is told: with the race
// detector each takes ten times as long, and `make test` runs the others without.
const fewSeeds = 25
