package dom

import (
	"math"
	"strconv"
)

// AddCSSClass adds classes, each a string of its own.
func AddCSSClass(selector string, classes []string, opts ...Option) Operation {
	return withClasses(kindAddCSSClass, selector, classes, opts)
}

// RemoveCSSClass removes classes, and the class attribute if none is left.
func RemoveCSSClass(selector string, classes []string, opts ...Option) Operation {
	return withClasses(kindRemoveCSSClass, selector, classes, opts)
}

func withClasses(k kind, selector string, classes []string, opts []Option) Operation {
	o := Operation{kind: k, selector: selector}
	if fault := o.useClasses(classes); fault != "" {
		o.fail(fault)
	}
	return o.with(opts)
}

// SetAttribute sets an attribute. One like "hidden" is on with any value, even
// "" or "false": [RemoveAttribute] takes it away. Inline handlers, style and
// addresses that are scripts are faults.
func SetAttribute(selector, name, value string, opts ...Option) Operation {
	return build(kindSetAttribute, selector, name, value, opts).checked(attributeFault(name, value))
}

// RemoveAttribute removes an attribute.
func RemoveAttribute(selector, name string, opts ...Option) Operation {
	return build(kindRemoveAttribute, selector, name, "", opts).checked(attributeNameFault(name))
}

// SetDatasetProperty sets a data attribute by its camelCase name: "colourName"
// is data-colour-name.
func SetDatasetProperty(selector, name, value string, opts ...Option) Operation {
	return build(kindSetDatasetProperty, selector, name, value, opts).checked(datasetFault(name))
}

// Scalar is what a property of an element may hold.
type Scalar interface {
	string | bool | int | int64 | float64
}

// SetProperty sets a JavaScript property of the element if it has one of that
// name. It is the cheapest way to change a text:
//
//	dom.SetProperty("#counter-total", "textContent", "3")
//	dom.SetProperty("#lightbulb-switch", "checked", true)
//
// NaN and infinities are faults. "innerHTML" puts html into the page as it is.
func SetProperty[T Scalar](selector, name string, value T, opts ...Option) Operation {
	o := Operation{kind: kindSetProperty, selector: selector}
	o.args[0] = name
	switch v := any(&value).(type) { // a pointer: a string in an interface would be allocated
	case *string:
		o.args[1] = *v
	case *bool:
		o.literal(strconv.FormatBool(*v))
	case *int:
		o.literal(strconv.Itoa(*v))
	case *int64:
		o.literal(strconv.FormatInt(*v, 10))
	case *float64:
		if math.IsNaN(*v) || math.IsInf(*v, 0) {
			o.fail("value is not a finite number")
			break
		}
		o.literal(strconv.FormatFloat(*v, 'g', -1, 64))
	}
	return o.with(opts).checked(propertyFault(name, o.args[1]))
}

func (o *Operation) literal(json string) {
	o.flags |= flagLiteral
	o.args[1] = json
}

// Style is a CSS property and its value. The name is as CSS or as JavaScript
// writes it: "background-color" or "backgroundColor".
type Style struct{ Name, Value string }

// SetStyle sets a CSS property of the element; "" removes it. Custom properties
// (--hue) and !important have no effect in the client and are faults: use a
// class for them.
func SetStyle(selector, name, value string, opts ...Option) Operation {
	return build(kindSetStyle, selector, name, value, opts).checked(styleFault(name, value))
}

// SetStyles sets several CSS properties, in this order, under the rules of
// [SetStyle]. A shorthand goes before the properties that refine it.
func SetStyles(selector string, styles []Style, opts ...Option) Operation {
	o := Operation{kind: kindSetStyles, selector: selector}
	if fault := o.useStyles(styles); fault != "" {
		o.fail(fault)
	}
	return o.with(opts)
}

// SetValue sets the value of a form control.
func SetValue(selector, value string, opts ...Option) Operation {
	return build(kindSetValue, selector, value, "", opts)
}
