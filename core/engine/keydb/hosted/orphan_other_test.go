//go:build !unix

package hosted_test

import (
	"errors"
	"os"
)

const hostVariable = "PRESENCE_HOSTED_TEST_HOST"

func host() {}

func pause(*os.Process) error { return errors.New("no process can be stopped here") }
