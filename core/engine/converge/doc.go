// Package converge is the seeded convergence test, for every kind of store.
//
// In each region of a [World] runs a binary: an engine, and what core/bus makes of it.
// People act in all regions while bad things happen, drawn from a seed: links break,
// servers and binaries are killed. Afterwards all regions must show the same, which is
// what every store holds, and every event that was acknowledged must be in it once,
// whole. [Run.Complaints] says what is wrong.
//
// It works in the time of a synctest bubble and in real time. In real time a seed
// repeats what is drawn, not who is faster.
package converge
