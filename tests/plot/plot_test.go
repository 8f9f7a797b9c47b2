// SPDX-License-Identifier: Apache-2.0

package plot

import (
	"encoding/xml"
	"strings"
	"testing"
)

// The picture is XML; what grows linearly is straight at 45 degrees, inside the frame;
// names are there, whatever is in them.
func TestLogLog(t *testing.T) {
	linear := Line{Name: "a < b", Color: "#123456", Dashes: "7 3", Points: []Point{{100, 0.5}, {1000, 5}, {10_000, 50}}}
	svg := LogLog("title & more", "things", "ms", []Line{linear, {Name: "other", Color: "red", Points: []Point{{150, 0.2}}}})
	var picture struct {
		Width  float64  `xml:"width,attr"`
		Height float64  `xml:"height,attr"`
		Text   []string `xml:"text"`
		Circle []struct {
			X float64 `xml:"cx,attr"`
			Y float64 `xml:"cy,attr"`
		} `xml:"circle"`
	}
	if err := xml.Unmarshal(svg, &picture); err != nil {
		t.Fatalf("%v: %s", err, svg)
	}
	if len(picture.Circle) != 4 {
		t.Fatalf("%d points: %s", len(picture.Circle), svg)
	}
	for i, c := range picture.Circle {
		if c.X < left || c.X > picture.Width-right || c.Y < top || c.Y > picture.Height-below {
			t.Errorf("point %d is at %v, %v", i, c.X, c.Y)
		}
	}
	for i, c := range picture.Circle[:2] {
		next := picture.Circle[i+1]
		if slope := (c.Y - next.Y) / (next.X - c.X); slope < 0.99 || slope > 1.01 {
			t.Errorf("from point %d on the slope is %v", i, slope)
		}
	}
	all := strings.Join(picture.Text, "|")
	for _, want := range []string{"title & more", "things", "ms", "a < b", "other", "1,000", "10", "1", "100"} {
		if !strings.Contains("|"+all+"|", "|"+want+"|") {
			t.Errorf("%q is not among %s", want, all)
		}
	}
}
