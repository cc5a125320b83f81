package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/global-presence/presence/core/settings"
)

// Flags are the command line of "presence bench".
type Flags struct {
	URL        string   `arg:"" placeholder:"URL" help:"The server's socket, such as ws://127.0.0.1:8080/cable."`
	Sockets    int      `default:"1000" placeholder:"N" help:"How many sockets are opened (default ${default})."`
	Phases     []string `default:"idle,rate,saturation,click" placeholder:"NAME" help:"What is measured, in this order (default ${default})."`
	Time       string   `default:"10s" placeholder:"DURATION" help:"How long each phase takes (default ${default})."`
	Rate       float64  `default:"20" placeholder:"NUMBER" help:"Messages a second in the phase rate (default ${default})."`
	InFlight   int      `default:"64" placeholder:"N" help:"Messages that are on their way at once in the phase saturation (default ${default})."`
	Room       string   `default:"bench" placeholder:"NAME" help:"Room of a server of ours; nobody else should be there (default ${default})."`
	People     int      `default:"100" placeholder:"N" help:"How many people the sockets at a server of ours belong to (default ${default})."`
	Rooms      int      `default:"1" placeholder:"N" help:"How many rooms the sockets and events at a server of ours are spread over (default ${default})."`
	Sync       bool     `help:"Each socket asks for what its page lacks, as pages do when they come back."`
	Storm      float64  `placeholder:"NUMBER" help:"Messages a second while the sockets connect; tells how many do not reach those that are subscribed."`
	Token      string   `env:"PRESENCE_API_TOKEN" placeholder:"TEXT" help:"The server's --api-token, or the bearer token of --publish."`
	Identifier string   `placeholder:"JSON" help:"Identifier of the subscription, with {room} for the JSON of the room (default: the counter of the room)."`
	Publish    string   `placeholder:"URL" help:"Address at which a server that is not ours takes broadcasts, such as http://127.0.0.1:8090/_broadcast."`
	Stream     string   `placeholder:"NAME" help:"The stream that is published to (default: the identifier's stream_name, else the room)."`
	Body       string   `placeholder:"JSON" help:"What is posted there; {stream} and {data} stand for JSON texts (default: as AnyCable wants it)."`
	Size       int      `default:"200" placeholder:"BYTES" help:"Size of a message that is posted there (default ${default})."`
	Compress   bool     `help:"Offer to take compressed messages, as browsers do."`
	Header     []string `sep:"none" placeholder:"HEADER" help:"Header of the handshake, \"Name: value\"; may be repeated."`
	Sources    []string `placeholder:"ADDR" help:"Addresses that sockets come from (default: one for each 1,000 at a loopback address)."`
	PID        int      `name:"pid" placeholder:"PID" help:"Process of the server on this machine, whose cost is told."`
	Metrics    string   `placeholder:"URL" help:"Address of the server's metrics, which tell its cost and renders, such as http://127.0.0.1:9090/metrics."`
	JSON       string   `name:"json" placeholder:"FILE" help:"Write the report as JSON into this file; - prints it in place of the tables."`
}

// config returns what the flags say. All that is wrong is a UsageError.
func (f *Flags) config(progress io.Writer) (Config, error) {
	cfg := Config{
		URL: f.URL, Sockets: f.Sockets, Phases: f.Phases, Rate: f.Rate, InFlight: f.InFlight, Room: f.Room, People: f.People,
		Rooms: f.Rooms, Sync: f.Sync, Storm: f.Storm, Token: f.Token, Identifier: f.Identifier, Publish: f.Publish, Stream: f.Stream, Body: f.Body, Size: f.Size,
		Compress: f.Compress, Headers: f.Header, Sources: f.Sources, PID: f.PID, Metrics: f.Metrics, Progress: progress,
	}
	var errs []error
	var err error
	if cfg.Time, err = time.ParseDuration(f.Time); err != nil {
		errs = append(errs, fmt.Errorf("--time is %q; want a time with its unit, such as 10s", f.Time))
	}
	// What was given as nothing is no wish for the default.
	for _, n := range []struct {
		flag  string
		empty bool
	}{
		{"sockets", f.Sockets == 0},
		{"phases", len(f.Phases) == 0},
		{"time", err == nil && cfg.Time == 0},
		{"rate", f.Rate == 0},
		{"in-flight", f.InFlight == 0},
		{"room", f.Room == ""},
		{"people", f.People == 0},
		{"rooms", f.Rooms == 0},
		{"size", f.Size == 0},
	} {
		if n.empty {
			errs = append(errs, fmt.Errorf("--%s is empty or 0; want %s, or leave it out", n.flag, wants[n.flag]))
		}
	}
	if err := errors.Join(errors.Join(errs...), cfg.Check()); err != nil {
		return cfg, settings.UsageError{Err: err}
	}
	return cfg, nil
}

// Measure runs what the flags ask for and tells what it was.
func (f *Flags) Measure(ctx context.Context, stdout, stderr io.Writer) error {
	cfg, err := f.config(stderr)
	if err != nil {
		return err
	}
	var file *os.File
	if f.JSON != "" && f.JSON != "-" { // now, as nobody wants to hear in the end that it cannot be
		if file, err = os.OpenFile(f.JSON, os.O_WRONLY|os.O_CREATE, 0o644); err != nil {
			return settings.UsageError{Err: fmt.Errorf("--json is %q; want a file that can be written: %w", f.JSON, err)}
		}
		defer file.Close()
	}
	report, err := Run(ctx, cfg)
	if report == nil {
		report = &Report{URL: cfg.URL, Error: err.Error()}
	}
	if f.JSON == "-" {
		return errors.Join(err, report.Save(stdout))
	}
	err = errors.Join(err, report.Tell(stdout))
	if file != nil {
		// What it held stays until there is something better. A pipe has nothing to cut.
		if st, errStat := file.Stat(); errStat == nil && st.Mode().IsRegular() {
			err = errors.Join(err, file.Truncate(0))
		}
		err = errors.Join(err, report.Save(file), file.Close())
	}
	return err
}
