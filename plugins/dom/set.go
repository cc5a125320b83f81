package dom

import "strconv"

// build makes an operation from its arguments and options.
func build(k kind, selector, first, second string, opts []Option) Operation {
	o := Operation{kind: k, selector: selector, args: [3]string{first, second}}
	return o.with(opts)
}

// with applies the options and looks for what is missing.
func (o Operation) with(opts []Option) Operation {
	for i := range opts {
		if opts[i].set == nil {
			o.fail("an option is empty") // the zero Option
			continue
		}
		o = opts[i].set(o, opts[i].key, opts[i].val)
	}
	o.check()
	return o
}

// setter is how an option sets a parameter. Every option brings its own, so that a module
// for WebAssembly has only those it uses. A pointer to an operation would have to be
// allocated.
type setter func(o Operation, key string, val node) Operation

func setFlag(o Operation, key string, val node) Operation {
	o.fail(o.setFlag(key, val))
	return o
}

func setFocus(o Operation, key string, val node) Operation {
	o.fail(o.setFocus(key, val))
	return o
}

func setBatch(o Operation, key string, val node) Operation {
	o.fail(setFilled(&o.batch, key, val))
	return o
}

func setDelay(o Operation, key string, val node) Operation {
	o.fail(o.setDelay(key, val))
	return o
}

func setChoice(o Operation, key string, val node) Operation {
	o.fail(o.setChoice(key, val))
	return o
}

// setValue sets what only an option can set.
func setValue(o Operation, key string, val node) Operation {
	for _, p := range specs[o.kind].params {
		if p.key == key && !p.option {
			o.fail(unfit(key))
			return o
		}
	}
	o.fail(o.setValue(key, val))
	return o
}

// set gives any parameter its value, which comes from elsewhere, and returns what is
// wrong with it, or "".
func (o *Operation) set(key string, val node) string {
	s := &specs[o.kind]
	switch key {
	case "selectAll", "xpath", "cancel", "childrenOnly", "turbo":
		return o.setFlag(key, val)
	case "selector":
		if s.on == onPage {
			return unfit(key)
		}
		return setFilled(&o.selector, key, val)
	case "focusSelector":
		return o.setFocus(key, val)
	case "batch":
		return setFilled(&o.batch, key, val)
	case "delay":
		return o.setDelay(key, val)
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
		if p := &s.params[i]; p.key == key {
			return o.setParam(i, p, val)
		}
	}
	return o.setChoice(key, val)
}

func (o *Operation) setFlag(key string, val node) string {
	f, on := flagCancel, jsonTrue
	switch key {
	case "selectAll":
		f = flagAll
	case "xpath":
		f = flagXPath
	case "childrenOnly":
		f = flagChildren
	case "turbo":
		f, on = flagNoTurbo, jsonFalse
	}
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

func (o *Operation) setFocus(key string, val node) string {
	if !specs[o.kind].focus {
		return unfit(key)
	}
	return setFilled(&o.focus, key, val)
}

func (o *Operation) setDelay(key string, val node) string {
	if val.typ != jsonNumber || !val.exact {
		return wrongType(key, "an integer", val)
	}
	if val.num < 0 || val.num > maxDelay {
		return "delay is not from 0 to " + strconv.Itoa(maxDelay) + " ms"
	}
	o.delay = int32(val.num)
	return ""
}

func (o *Operation) setChoice(key string, val node) string {
	choices := specs[o.kind].choices
	for i := range choices {
		c := &choices[i]
		if c.key != key {
			continue
		}
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
	return unfit(key)
}

// setValue takes the Value of an option or of an argument. None leaves the parameter
// out.
func (o *Operation) setValue(key string, val node) string {
	if val.typ == jsonBad {
		return key + ": " + val.text
	}
	params := specs[o.kind].params
	for i := range params {
		p := &params[i]
		if p.key != key {
			continue
		}
		switch {
		case val.typ == jsonNull:
			return ""
		case p.typ == typeNames: // an array of strings, made here
			o.args[i] = val.text
			return ""
		}
		return o.setPlain(i, p, val)
	}
	return unfit(key)
}

// setParam takes a value from elsewhere.
func (o *Operation) setParam(i int, p *param, val node) string {
	switch p.typ {
	case typeNames:
		return o.setNames(i, p, val)
	case typeStyles:
		return o.setStyles(i, p, val)
	}
	return o.setPlain(i, p, val)
}

// setPlain takes a value that need not be looked into.
func (o *Operation) setPlain(i int, p *param, val node) string {
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
