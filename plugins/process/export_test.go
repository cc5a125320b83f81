package process

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/global-presence/presence/plugins"
	pb "github.com/global-presence/presence/plugins/process/internal/featurev1"
)

// trip sends a message through its bytes.
func trip[M proto.Message](in M) (M, error) {
	out := in.ProtoReflect().New().Interface().(M)
	b, err := proto.Marshal(in)
	if err == nil {
		err = proto.Unmarshal(b, out)
	}
	return out, err
}

// TripManifest and the others send a value over the wire and back.
func TripManifest(m plugins.Manifest) (plugins.Manifest, error) {
	out, err := trip(manifestOut(m))
	return manifestIn(out), err
}

func TripEvent(e plugins.Event) (plugins.Event, error) {
	out, err := trip(eventOut(e))
	return eventIn(out), err
}

func TripView(v plugins.View) (plugins.View, error) {
	out, err := trip(viewOut(v))
	return viewIn(out), err
}

func TripMutation(m plugins.Mutation) (plugins.Mutation, error) {
	out, err := trip(mutationOut(m))
	return mutationIn(out), err
}

func TripFragment(f plugins.Fragment) (plugins.Fragment, error) {
	out, err := trip(fragmentOut(f))
	if err != nil {
		return plugins.Fragment{}, err
	}
	all, err := fragmentsIn([]*pb.Fragment{out})
	if err != nil {
		return plugins.Fragment{}, err
	}
	return all[0], nil
}

// ErrorOut returns what of a feature's error goes over the wire.
func ErrorOut(err error) (message, sentence string) {
	out := errorOut(context.Background(), err)
	return out.GetMessage(), out.GetSentence()
}

// Waits returns the waits after processes that lived as long as given.
func Waits(least, most, healthyAfter time.Duration, lived ...time.Duration) []time.Duration {
	b := backoff{min: least, max: most, healthyAfter: healthyAfter}
	return list(lived, b.next)
}

var (
	NewLines   = newLines
	NewHostLog = newHostLog
	OpenFolder = openFolder
)

// FolderPath is where a folder is.
func FolderPath(f *folder) string { return f.path }
