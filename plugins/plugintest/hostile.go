package plugintest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"pgregory.net/rapid"
)

// canary is an element and an attribute that no feature makes. Where one comes
// out, a text has become markup.
const canary = "x-canary"

// hostile are texts that become a canary where somebody forgot to escape them in
// one of the places where HTML has a text, and some that are only unusual.
var hostile = []string{
	"<" + canary + ">",
	`"><` + canary + ">",
	`'><` + canary + ">",
	`" ` + canary + `="`,
	`' ` + canary + `='`,
	" " + canary + "=1 ",
	"--><" + canary + ">",
	"]]><" + canary + ">",
	"</textarea></title></button></svg><" + canary + ">",
	"<script>" + canary + "</script>",
	"&lt;" + canary + "&gt; &amp; &#x3c;",
	"javascript:" + canary,
	"{{.}} ${x} <%= x %> #{x}",
	`\"\u003c\\`,
	`{"on":true,"user":"<` + canary + `>"}`,
	"\u202Eright to left\u202C \u0627\u0644\u0639\u0631\u0628\u064A\u0629",
	"\U0001F468\u200D\U0001F469\u200D\U0001F467 \U0001F1EC\U0001F1E7 e\u0301 \u00A0 \u2028 \uFEFF",
	"line\nbreak\r\nand\ttab",
	"1e999", "-1", "NaN", "null", "true", "", " ",
}

// texts makes text of min to max characters and at most size bytes, without
// control characters but line breaks, as an event may bring it.
func texts(least, most, size int) *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.SampledFrom(hostile),
		rapid.SampledFrom(hostile),
		rapid.StringMatching(`[a-zA-Z0-9 .,'"<>&é日-]{0,20}`),
	)
	return rapid.Custom(func(t *rapid.T) string {
		text := piece.Draw(t, "text")
		if rapid.IntRange(0, 9).Draw(t, "length") == 9 { // as long as it may be
			text += strings.Repeat("<é", size)
		}
		runes := []rune(text)
		runes = runes[:min(len(runes), most)]
		for len(runes) < least {
			runes = append(runes, 'x')
		}
		if text = clip(string(runes), size); utf8.RuneCountInString(text) < least {
			text = strings.Repeat("x", least)
		}
		return text
	})
}

// clip cuts text to size bytes, between characters.
func clip(text string, size int) string {
	if len(text) <= size {
		return text
	}
	for size > 0 && !utf8.RuneStart(text[size]) {
		size--
	}
	return text[:size]
}

// escaped reports a canary that came to life in markup.
func escaped(markup string) error {
	z := html.NewTokenizer(strings.NewReader(markup))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return nil
		case html.StartTagToken, html.SelfClosingTagToken, html.EndTagToken:
			token := z.Token()
			if strings.Contains(token.Data, canary) {
				return fmt.Errorf("a text became the element <%s>: it was not escaped", token.Data)
			}
			for _, a := range token.Attr {
				if strings.Contains(a.Key, canary) {
					return fmt.Errorf("a text became the attribute %s of <%s>: it was not escaped", a.Key, token.Data)
				}
			}
		}
	}
}

// values makes what a state may hold: anything that a feature might have written,
// but short, since a feature that writes short values need not show long ones.
func values() *rapid.Generator[string] { return texts(0, 256, 256) }
