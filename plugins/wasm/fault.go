package wasm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/sys"
)

// ErrClosed is what calls of a closed Module return.
var ErrClosed = errors.New("module is closed")

// Fault is the end of an instance: a trap, an exit, or an answer outside the rules.
// Whatever the instance kept is gone; the next call gets a new one.
type Fault struct {
	// Export is the function that was called, such as "presence_handle".
	Export string

	// Said is the line with which the guest's language announced a panic; "" if there
	// was none.
	Said string

	// Breach says that the guest returned, but something outside the rules.
	Breach bool

	// Memory is how many bytes of memory the instance had, of Limit.
	Memory, Limit int64

	// Err says what happened. A *sys.ExitError of wazero holds the guest's exit code.
	Err error
}

// Error begins with a line that says what happened. Where the guest said nothing, its
// stack follows, one line a function.
func (f *Fault) Error() string {
	what, stack, _ := strings.Cut(f.Err.Error(), "\n")
	if exit, ok := errors.AsType[*sys.ExitError](f.Err); ok {
		what, stack = fmt.Sprintf("the guest exited with code %d", exit.ExitCode()), ""
	}
	if f.Said != "" { // it has printed its own stack, and its way to end is beside the point
		what, stack = f.Said, ""
	}
	var b strings.Builder
	b.WriteString(f.Export + ": " + what)
	if f.Memory > f.Limit/4 {
		fmt.Fprintf(&b, ", with %d of %d KiB of memory in use", f.Memory>>10, f.Limit>>10)
	}
	if stack != "" {
		const most = 4 << 10
		b.WriteString("\n" + stack[:min(len(stack), most)])
	}
	return b.String()
}

// Unwrap returns Err.
func (f *Fault) Unwrap() error { return f.Err }
