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

	// MaxRendered is how many fragments one Render may return for all people together,
	// and MaxRenderedSize the size of their HTML in bytes. What is for many different
	// people is many broadcasts.
	MaxRendered     = 4096
	MaxRenderedSize = 4 << 20

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

	// MaxFields is how many fields of state a feature may declare, MaxEvents how many
	// events, MaxParams how many fields an event, and MaxChoices how many choices such
	// a field may have.
	MaxFields  = 64
	MaxEvents  = 64
	MaxParams  = 32
	MaxChoices = 100

	// MaxWatches is how many patterns of keys a feature may watch, and
	// MaxPatternSize the size of one in bytes.
	MaxWatches     = 16
	MaxPatternSize = 128

	// MaxSentenceSize is the size in bytes of a sentence shown to a person.
	MaxSentenceSize = 200

	// MaxGridSide is how many cells a side of a Grid has, MaxColours how many colours,
	// and MaxCells how many cells one event may name.
	MaxGridSide = 2048
	MaxColours  = 64
	MaxCells    = 64

	// MaxKeySize is the size in bytes of a signal's key.
	MaxKeySize = 64

	// MaxFrameSize is the size in bytes of a frame that shows a Direct field's values.
	MaxFrameSize = 4 << 10

	// MaxStyleSize is the size in bytes of a manifest's CSS.
	MaxStyleSize = 32 << 10
)
