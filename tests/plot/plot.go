// SPDX-License-Identifier: Apache-2.0

// Package plot draws measurements as SVG. One kind of picture is all that docs/ has:
// lines on logarithmic axes, where what grows linearly is straight at 45 degrees.
package plot

import (
	"fmt"
	"html"
	"math"
)

// A Line is a series of measurements.
type Line struct {
	Name   string
	Color  string // as CSS has it
	Dashes string // as stroke-dasharray has it; "" for none
	Points []Point
}

// A Point has its coordinates above 0.
type Point struct{ X, Y float64 }

// The picture, in pixels: the axes' frame and what is around it.
const (
	width, height           = 620, 460
	left, right, top, below = 70, 190, 44, 54
)

// LogLog draws lines, with a grid of decades. The same lines are the same bytes.
func LogLog(title, x, y string, lines []Line) []byte {
	xs, ys := extent(lines, func(p Point) float64 { return p.X }), extent(lines, func(p Point) float64 { return p.Y })
	// One scale for both, so that 45 degrees are linear growth.
	decade := min((width-left-right)/xs.decades(), (height-top-below)/ys.decades())
	at := func(p Point) (float64, float64) {
		return left + (math.Log10(p.X)-xs.from)*decade, height - below - (math.Log10(p.Y)-ys.from)*decade
	}
	x0, y0 := at(Point{math.Pow(10, xs.from), math.Pow(10, ys.from)})
	x1, y1 := at(Point{math.Pow(10, xs.to), math.Pow(10, ys.to)})

	svg := fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12">
<rect width="100%%" height="100%%" fill="white"/>
`, width, height)
	text := func(x, y float64, anchor, more, s string) {
		svg = fmt.Appendf(svg, `<text x="%.1f" y="%.1f" text-anchor="%s"%s>%s</text>`+"\n", x, y, anchor, more, html.EscapeString(s))
	}
	line := func(x1, y1, x2, y2 float64, color string) {
		svg = fmt.Appendf(svg, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n", x1, y1, x2, y2, color)
	}
	svg = fmt.Appendf(svg, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="none" stroke="#ddd"/>`+"\n", x0, y1, x1-x0, y0-y1)
	text(left, 24, "start", ` font-size="15"`, title)
	for d := math.Ceil(xs.from); d <= xs.to; d++ {
		at, _ := at(Point{math.Pow(10, d), 1})
		line(at, y0, at, y1, "#ddd")
		text(at, y0+18, "middle", "", number(d))
	}
	for d := math.Ceil(ys.from); d <= ys.to; d++ {
		_, at := at(Point{1, math.Pow(10, d)})
		line(x0, at, x1, at, "#ddd")
		text(x0-8, at+4, "end", "", number(d))
	}
	text((x0+x1)/2, y0+40, "middle", "", x)
	text(x0-48, (y0+y1)/2, "middle", fmt.Sprintf(` transform="rotate(-90 %.1f %.1f)"`, x0-48, (y0+y1)/2), y)
	for i, l := range lines {
		stroke := fmt.Sprintf(`fill="none" stroke="%s" stroke-width="2"`, l.Color)
		if l.Dashes != "" {
			stroke += fmt.Sprintf(` stroke-dasharray="%s"`, l.Dashes)
		}
		svg = fmt.Appendf(svg, `<polyline %s points="`, stroke)
		for i, p := range l.Points {
			if i > 0 {
				svg = append(svg, ' ')
			}
			x, y := at(p)
			svg = fmt.Appendf(svg, "%.1f,%.1f", x, y)
		}
		svg = append(svg, "\"/>\n"...)
		for _, p := range l.Points {
			x, y := at(p)
			svg = fmt.Appendf(svg, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x, y, l.Color)
		}
		y := y1 + 10 + 20*float64(i)
		svg = fmt.Appendf(svg, `<polyline %s points="%.1f,%.1f %.1f,%[3]v"/>`+"\n", stroke, x1+16, y, x1+48)
		text(x1+56, y+4, "start", "", l.Name)
	}
	return append(svg, "</svg>\n"...)
}

// An axis has its ends as exponents of 10.
type axis struct{ from, to float64 }

func (a axis) decades() float64 { return a.to - a.from }

func extent(lines []Line, of func(Point) float64) axis {
	least, most := math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for _, p := range l.Points {
			least, most = min(least, of(p)), max(most, of(p))
		}
	}
	const margin = 0.1
	return axis{math.Log10(least) - margin, math.Log10(most) + margin}
}

// number is 10 to the power of an exponent, with commas.
func number(exponent float64) string {
	if exponent < 0 {
		return fmt.Sprintf("%.*f", int(-exponent), math.Pow(10, exponent))
	}
	s := fmt.Sprintf("%.0f", math.Pow(10, exponent))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
