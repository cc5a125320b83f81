package board

import "context"

// Encode and EncodeBest are for benchmarks.
var Encode = encode

func EncodeBest(body []byte) []byte { return encodeWhile(context.Background(), body) }
