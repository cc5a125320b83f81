package e2e_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// install is how a person gets the browser.
const install = "sudo apt-get install --no-install-recommends chromium"

// errNoChromium means that there is no browser on this machine.
var errNoChromium = errors.New("Chromium is missing: " + install) //nolint:staticcheck // a name begins with a capital

// chromium is the browser of all tests of a run.
type chromium struct {
	ctx  context.Context
	stop func()
}

// startChromium starts the browser with an empty profile in dir.
func startChromium(dir string) (*chromium, error) {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		return nil, errNoChromium
	}
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path),
		chromedp.UserDataDir(dir),
		chromedp.Headless,
		chromedp.NoSandbox, // tests run as root, too
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-extensions", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		// Two people are two windows, of which only one is in front; what is
		// behind works as fast.
		chromedp.Flag("disable-background-timer-throttling", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true),
		chromedp.Flag("disable-renderer-backgrounding", true),
	)
	ctx, stop := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		stop()
		stopAllocator()
		return nil, err
	}
	return &chromium{ctx: ctx, stop: func() {
		_ = chromedp.Cancel(ctx) // ends it in order, so that its profile can be removed
		stopAllocator()
	}}, nil
}

// person is somebody with a browser of their own: cookies, cache and tabs.
type person struct {
	tb  testing.TB
	ctx context.Context
}

// newPerson gives somebody a fresh browser until the test ends.
func newPerson(tb testing.TB) *person {
	tb.Helper()
	c, err := run.browser()
	switch {
	case errors.Is(err, errNoChromium) && os.Getenv("CI") == "":
		tb.Skip(err)
	case err != nil:
		tb.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(c.ctx, chromedp.WithNewBrowserContext())
	tb.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		tb.Fatal(err)
	}
	return &person{tb: tb, ctx: ctx}
}
