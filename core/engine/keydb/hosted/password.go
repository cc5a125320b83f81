package hosted

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
)

// Password returns the password of all servers of a deployment whose binaries
// share secret: 64 hexadecimal digits, from which nobody learns the secret. It is
// "" for an empty secret.
func Password(secret string) string {
	if secret == "" {
		return ""
	}
	// The purpose keeps it apart from keys for other uses. It must never change:
	// regions that run different versions talk to each other.
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "presence keydb password", sha256.Size)
	if err != nil {
		panic("hosted: " + err.Error()) // only for keys longer than 8160 bytes
	}
	return hex.EncodeToString(key)
}
