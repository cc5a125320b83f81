package plugins

// Limits that the host enforces. What exceeds them is refused with a reason in
// the log; it costs the feature that call and nobody else anything.
const (
	// MaxFragmentSize is the most HTML, in bytes, that one fragment may carry. Small
	// fragments are what makes a change cheap for a browser.
	MaxFragmentSize = 32 << 10

	// MaxFragments is how many fragments of one Render anybody may see, and
	// MaxCornerSize the size of their HTML in bytes, all together.
	MaxFragments  = 256
	MaxCornerSize = 256 << 10

	// MaxPatch is how many operations one fragment's Patch may hold, and
	// MaxPatchSize their size in bytes, encoded.
	MaxPatch     = 64
	MaxPatchSize = 32 << 10

	// MaxMutations is how many mutations one event may cause.
	MaxMutations = 64

	// MaxValueSize is the size of one value in bytes. A value is UTF-8.
	MaxValueSize = 4 << 10

	// MaxTextSize is the size in bytes that a Text field may have when the
	// manifest names no smaller maximum.
	MaxTextSize = 1 << 10

	// MaxListSize is how many items a list field may keep.
	MaxListSize = 1000

	// MaxWatches is how many patterns of keys a feature may watch, and
	// MaxPatternSize the size of one in bytes.
	MaxWatches     = 16
	MaxPatternSize = 128

	// MaxSentenceSize is the size in bytes of a sentence shown to a person.
	MaxSentenceSize = 200

	// MaxStyleSize is the size in bytes of a manifest's CSS.
	MaxStyleSize = 32 << 10
)
