package page

import "net/http"

// Failure is a page that says that something went wrong.
type Failure struct {
	Frame

	// Status is the HTTP status, such as 503.
	Status int

	// Sentence is what went wrong, in plain words. Default by Status.
	Sentence string

	// RequestID helps whoever runs the server to find the reason in the log.
	// Empty leaves the line out.
	RequestID string
}

// sentence returns f.Sentence or what fits the status.
func (f Failure) sentence() string {
	if f.Sentence != "" {
		return f.Sentence
	}
	switch f.Status {
	case http.StatusNotFound:
		return "There is nothing at this address."
	case http.StatusForbidden:
		return "You may not do this here."
	case http.StatusMethodNotAllowed:
		return "This address does not take that kind of request."
	case http.StatusRequestEntityTooLarge:
		return "That was too large for this page."
	case http.StatusTooManyRequests:
		return "That was a little too fast. Wait a moment and try again."
	case http.StatusServiceUnavailable:
		return "The page is not ready right now. Try again in a moment."
	}
	if f.Status >= 400 && f.Status < 500 {
		return "The server could not make sense of this request."
	}
	return "Something went wrong on our side. Try again in a moment."
}
