// Package keydbtest starts real redis-server and keydb-server processes for tests:
// on free ports of the loopback, with their data in the test's temporary folder,
// and gone when the test is, even if it was killed.
//
// Where redis-server is not installed, tests are skipped, or fail when the variable
// CI is set. Tests on keydb-server are skipped where PATH has none.
package keydbtest
