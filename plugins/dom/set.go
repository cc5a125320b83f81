package dom

import "strconv"

// build makes an operation from its arguments and options.
func build(k kind, selector, first, second string, opts []Option) Operation {
	o := Operation{kind: k, selector: selector, args: [3]string{first, second}}
	return o.with(opts)
}

// with applies the options and looks for faults.
func (o Operation) with(opts []Option) Operation {
	for i := range opts {
		if fault := o.set(opts[i].key, opts[i].val, true); fault != "" {
			o.fail(fault)
		}
	}
	o.check()
	return o
}

// set gives a parameter its value and returns what is wrong with it, or "". An
// option cannot set what is an argument.
func (o *Operation) set(key string, val node, option bool) string {
	if val.typ == jsonBad {
		return key + ": " + val.text
	}
	s := &specs[o.kind]
	switch key {
	case "selectAll":
		return o.setFlag(key, flagAll, val, jsonTrue)
	case "xpath":
		return o.setFlag(key, flagXPath, val, jsonTrue)
	case "cancel":
		return o.setFlag(key, flagCancel, val, jsonTrue)
	case "childrenOnly":
		return o.setFlag(key, flagChildren, val, jsonTrue)
	case "turbo":
		return o.setFlag(key, flagNoTurbo, val, jsonFalse)
	case "selector":
		if s.on == onPage {
			return unfit(key)
		}
		return setFilled(&o.selector, key, val)
	case "focusSelector":
		if !s.focus {
			return unfit(key)
		}
		return setFilled(&o.focus, key, val)
	case "batch":
		return setFilled(&o.batch, key, val)
	case "delay":
		if val.typ != jsonNumber || !val.exact {
			return wrongType(key, "an integer", val)
		}
		if val.num < 0 || val.num > maxDelay {
			return "delay is not from 0 to " + strconv.Itoa(maxDelay) + " ms"
		}
		o.delay = int32(val.num)
		return ""
	case "permanentAttributeName":
		if o.kind != kindMorph {
			return unfit(key)
		}
		if val.typ != jsonString || val.text != PermanentAttribute {
			return `permanentAttributeName is not "` + PermanentAttribute + `"`
		}
		return ""
	}
	for i := range s.params {
		if p := &s.params[i]; p.key == key && (p.option || !option) {
			if option && val.typ == jsonNull {
				return "" // the zero Value
			}
			return o.setParam(i, p, val)
		}
	}
	for i := range s.choices {
		if c := &s.choices[i]; c.key == key {
			return o.setChoice(i, c, val)
		}
	}
	return unfit(key)
}

func (o *Operation) setFlag(key string, f flags, val node, on jsonType) string {
	switch {
	case specs[o.kind].fits()&f == 0:
		return unfit(key)
	case val.typ != jsonTrue && val.typ != jsonFalse:
		return wrongType(key, "a boolean", val)
	case val.typ == on:
		o.flags |= f
	default:
		o.flags &^= f
	}
	return ""
}

func (o *Operation) setChoice(i int, c *choice, val node) string {
	if val.typ != jsonString {
		return wrongType(c.key, "a string", val)
	}
	for n, word := range c.words {
		if word == val.text {
			o.choice[i] = uint8(n)
			return ""
		}
	}
	return c.key + " " + strconv.Quote(val.text) + " is unknown"
}

func (o *Operation) setParam(i int, p *param, val node) string {
	switch p.typ {
	case typeText:
		if val.typ != jsonString {
			return wrongType(p.key, "a string", val)
		}
	case typeScalar:
		o.flags &^= flagLiteral
		switch val.typ {
		case jsonString:
		case jsonNumber, jsonTrue, jsonFalse:
			o.flags |= flagLiteral
			val.text = string(val.append(nil))
		default:
			return wrongType(p.key, "a string, a number or a boolean", val)
		}
	case typeInt:
		if val.typ != jsonNumber || !val.exact {
			return wrongType(p.key, "an integer", val)
		}
		val.text = strconv.FormatInt(val.num, 10)
	case typeObject:
		if val.typ != jsonObject {
			return wrongType(p.key, "an object", val)
		}
	case typeTable:
		if val.typ != jsonObject && val.typ != jsonArray {
			return wrongType(p.key, "an object or an array", val)
		}
	case typeNames:
		return o.setNames(i, p, val)
	case typeStyles:
		return o.setStyles(i, p, val)
	}
	o.args[i] = val.text
	return ""
}

// setNames takes an array of strings or, as CableReady does, a single one.
func (o *Operation) setNames(i int, p *param, val node) string {
	var names []string
	switch val.typ {
	case jsonString:
		names = []string{val.text}
	case jsonArray:
		s := scanner{in: val.text} // canonical, so it cannot fail
		fault := ""
		_ = s.elements(0, func(n node) error {
			if n.typ != jsonString {
				fault = wrongType(p.key, "an array of strings", n)
			}
			names = append(names, n.text)
			return nil
		})
		if fault != "" {
			return fault
		}
	default:
		return wrongType(p.key, "an array of strings", val)
	}
	if !p.option {
		return o.useClasses(names)
	}
	o.args[i] = val.text
	return ""
}

func (o *Operation) setStyles(_ int, p *param, val node) string {
	if val.typ != jsonObject {
		return wrongType(p.key, "an object of strings", val)
	}
	var styles []Style
	fault := ""
	s := scanner{in: val.text} // canonical, so it cannot fail
	_ = s.members(0, func(name string, n node) error {
		if n.typ != jsonString {
			fault = wrongType(p.key, "an object of strings", n)
		}
		styles = append(styles, Style{name, n.text})
		return nil
	})
	if fault != "" {
		return fault
	}
	return o.useStyles(styles)
}

func setFilled(dst *string, key string, val node) string {
	if val.typ != jsonString {
		return wrongType(key, "a string", val)
	}
	if val.text == "" {
		return key + " is empty"
	}
	*dst = val.text
	return ""
}

func unfit(key string) string { return key + " does not fit this operation" }

func wrongType(key, want string, got node) string {
	if got.typ == jsonNumber && want == "an integer" {
		return key + " is not an integer"
	}
	return key + " is " + got.typ.String() + ", not " + want
}
