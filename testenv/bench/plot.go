package bench

import (
	"fmt"
	"image/color"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// colours that remain apart in print and for those who do not see all of them.
var colours = []color.Color{
	color.RGBA{0, 114, 178, 255}, color.RGBA{213, 94, 0, 255}, color.RGBA{0, 158, 115, 255}, color.RGBA{204, 121, 167, 255},
}

// line is one curve of a plot.
type line struct {
	name string
	at   plotter.XYs
}

// drawLines writes curves as SVG, from zero up.
func drawLines(file, title, x, y string, lines []line) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Add(plotter.NewGrid())
	for i, l := range lines {
		drawn, err := plotter.NewLine(l.at)
		if err != nil {
			return fmt.Errorf("draw %s: %w", file, err)
		}
		drawn.Color, drawn.Width = colours[i%len(colours)], vg.Points(1.2)
		p.Add(drawn)
		p.Legend.Add(l.name, drawn)
	}
	p.Y.Min = 0
	p.Legend.Top, p.Legend.Left = true, true
	return save(p, file)
}

// drawBars writes one bar for each value as SVG.
func drawBars(file, title, y string, names []string, values []float64) error {
	p := plot.New()
	p.Title.Text, p.Y.Label.Text = title, y
	bars, err := plotter.NewBarChart(plotter.Values(values), vg.Points(220/float64(len(values))))
	if err != nil {
		return fmt.Errorf("draw %s: %w", file, err)
	}
	bars.Color, bars.LineStyle.Width = colours[0], 0
	p.Add(bars)
	p.NominalX(names...)
	p.X.Min, p.X.Max, p.Y.Min = -0.6, float64(len(values))-0.4, 0
	return save(p, file)
}

func save(p *plot.Plot, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := p.Save(6*vg.Inch, 3.2*vg.Inch, file); err != nil {
		return fmt.Errorf("draw %s: %w", file, err)
	}
	return nil
}

// eventRuns are those of the session in which events were measured.
func eventRuns(sessions map[string]Session) []Run {
	for _, name := range slices.Sorted(maps.Keys(sessions)) {
		runs := sessions[name].Runs
		if slices.Contains(distinct(runs, func(r Run) string { return r.Shape }), Events) {
			return runs
		}
	}
	return nil
}

// Plots draws what sessions hold into a folder, and returns the files with what they show.
func Plots(dir string, sessions map[string]Session) (drawn [][2]string, err error) {
	add := func(file, shows string, err error) error {
		if err == nil {
			drawn = append(drawn, [2]string{file, shows})
		}
		return err
	}
	if runs := eventRuns(sessions); len(runs) > 0 {
		shape := Events
		names := distinct(runs, func(r Run) string { return r.Program })
		for _, c := range []struct {
			file, title, unit string
			of                func(Run) float64
		}{
			{"rate.svg", "Rate", "thousand rows per second", func(r Run) float64 { return r.Rate() / 1e3 }},
			{"cpu.svg", "Rows per CPU second", "thousand rows", func(r Run) float64 { return r.PerCPU() / 1e3 }},
			{"memory.svg", "Peak memory", "MiB", func(r Run) float64 { return float64(r.RSS >> 20) }},
		} {
			var values []float64
			for _, n := range names {
				values = append(values, median(of(runs, n, shape), c.of))
			}
			if err := add(c.file, c.title, drawBars(filepath.Join(dir, c.file), c.title+", "+shape, c.unit, names, values)); err != nil {
				return drawn, err
			}
		}
	}
	if f := sessions["freshness"].Freshness; f != nil {
		at := make(plotter.XYs, len(f.Counts))
		for i, n := range f.Counts {
			at[i] = plotter.XY{X: (float64(i) + 0.5) / 20, Y: 100 * float64(n) / float64(f.Rows)}
		}
		err := drawLines(filepath.Join(dir, "freshness.svg"), "From produced to visible", "seconds", "% of rows, in steps of 50 ms", []line{{"rows", at}})
		if err := add("freshness.svg", "Age of rows when they become visible", err); err != nil {
			return drawn, err
		}
	}
	for _, c := range []struct {
		file, title, unit string
		of                func(Cost) float64
	}{
		{"commit-wall.svg", "A commit, by its number", "milliseconds", func(c Cost) float64 { return c.Wall * 1e3 }},
		{"commit-cpu.svg", "CPU of a commit, by its number", "milliseconds", func(c Cost) float64 { return c.CPU * 1e3 }},
		{"metadata.svg", "Metadata file, by the number of the commit", "KiB", func(c Cost) float64 { return float64(c.Metadata) / 1024 }},
	} {
		var lines []line
		for _, on := range []string{REST, PostgreSQL} {
			costs := sessions["commits-"+on].Costs
			var at plotter.XYs
			step := max(10, len(costs)/200)
			for i := step; i <= len(costs); i += step {
				at = append(at, plotter.XY{X: float64(i), Y: c.of(Around(costs, i))})
			}
			if len(at) > 0 {
				lines = append(lines, line{on, at})
			}
		}
		if len(lines) == 0 {
			continue
		}
		if err := add(c.file, c.title, drawLines(filepath.Join(dir, c.file), c.title, "number of the commit", c.unit, lines)); err != nil {
			return drawn, err
		}
	}
	return drawn, nil
}
