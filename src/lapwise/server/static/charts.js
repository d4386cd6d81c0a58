// Draws every chart of a page from the data that stands beside it, in the reader's colours.
"use strict";

(() => {
  const narrow = () => window.innerWidth < 640;
  const style = () => getComputedStyle(document.documentElement);

  // A string that starts with "--" is a custom property of the style sheet.
  function coloured(value, properties) {
    if (typeof value === "string") {
      return value.startsWith("--") ? properties.getPropertyValue(value).trim() : value;
    }
    if (Array.isArray(value)) {
      return value.map((one) => coloured(one, properties));
    }
    if (value !== null && typeof value === "object") {
      const entries = Object.entries(value);
      return Object.fromEntries(entries.map(([name, one]) => [name, coloured(one, properties)]));
    }
    return value;
  }

  function axis(given) {
    const few = given.type === "date"
      ? { tickformat: "%b %-d\n%Y", tickangle: 0, ...(narrow() ? { nticks: 4 } : {}) }
      : {};
    return {
      gridcolor: "--line",
      linecolor: "--line-strong",
      zeroline: false,
      automargin: true,
      fixedrange: narrow(),
      tickfont: { color: "--muted" },
      ...few,
      ...given,
      ...(given.title ? { title: { font: { color: "--muted" }, standoff: 8, ...given.title } } : {}),
    };
  }

  function laidOut(given) {
    const small = narrow() ? { font: { size: 11 } } : {};
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: style().getPropertyValue("--font").trim(), size: 12, color: "--text" },
      autosize: true,
      hoverlabel: { bgcolor: "--surface", bordercolor: "--line-strong", font: { color: "--text" } },
      dragmode: narrow() ? false : "zoom",
      ...given,
      margin: { l: 44, r: 12, t: 12, b: 30, ...given.margin },
      legend: {
        orientation: "h", x: 0, y: 1.02, yanchor: "bottom", xanchor: "left",
        bgcolor: "rgba(0,0,0,0)", ...small, ...given.legend,
      },
    };
    for (const name of Object.keys(given)) {
      if (/^[xy]axis\d*$/.test(name)) {
        layout[name] = axis(given[name]);
      }
    }
    return layout;
  }

  async function draw(block) {
    const figure = JSON.parse(block.textContent);
    const place = document.getElementById(block.dataset.chart);
    const properties = style();
    const layout = coloured(laidOut(figure.layout), properties);
    const data = coloured(figure.data, properties);
    for (const trace of data) {
      if (trace.type === "heatmap" && narrow()) {
        trace.showscale = false;
      }
    }
    await Plotly.react(place, data, layout, {
      displayModeBar: false,
      responsive: true,
      scrollZoom: false,
    });
    place.dataset.drawn = "true";
  }

  function drawAll() {
    for (const block of document.querySelectorAll('script[type="application/json"][data-chart]')) {
      draw(block).catch((error) => {
        const place = document.getElementById(block.dataset.chart);
        place.textContent = "This chart could not be drawn.";
        console.error(error);
      });
    }
  }

  drawAll();
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
