package e2e_test

import (
	"fmt"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

// heard is what a tab tells of itself over the DevTools protocol.
type heard struct {
	mu         sync.Mutex
	complaints []complaint
	sockets    int      // opened so far
	sent       []string // frames that the page sent
}

// complaint is something that a page reports in its console or to an auditor.
type complaint struct {
	text  string
	grave bool // no test should see it
}

// hear takes one event.
func (h *heard) hear(event any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch e := event.(type) {
	case *audits.EventIssueAdded:
		text, grave := "issue "+string(e.Issue.Code), false
		if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
			text, grave = fmt.Sprintf("%s: %s of %s", text, d.ViolatedDirective, d.BlockedURL), true
		}
		if d := e.Issue.Details.GenericIssueDetails; d != nil {
			text = fmt.Sprintf("%s: %s %s", text, d.ErrorType, d.ViolatingNodeAttribute)
		}
		h.complain(text, grave)
	case *log.EventEntryAdded:
		text := fmt.Sprintf("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
		h.complain(text, strings.Contains(text, "Content Security Policy"))
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		h.complain("exception "+text, true)
	case *runtime.EventConsoleAPICalled:
		var words []string
		for _, a := range e.Args {
			words = append(words, string(a.Value))
		}
		h.complain(fmt.Sprintf("console.%s(%s)", e.Type, strings.Join(words, ", ")), false)
	case *network.EventWebSocketCreated:
		h.sockets++
	case *network.EventWebSocketFrameSent:
		h.sent = append(h.sent, string(e.Response.PayloadData))
	}
}

// complain notes a complaint; h.mu is held.
func (h *heard) complain(text string, grave bool) {
	h.complaints = append(h.complaints, complaint{text, grave})
}

// take returns the complaints so far and forgets them.
func (h *heard) take() []complaint {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.complaints
	h.complaints = nil
	return c
}

// opened returns how many sockets the tab has opened.
func (h *heard) opened() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sockets
}

// frames returns the frames that the tab sent and that contain part.
func (h *heard) frames(part string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var found []string
	for _, f := range h.sent {
		if strings.Contains(f, part) {
			found = append(found, f)
		}
	}
	return found
}
