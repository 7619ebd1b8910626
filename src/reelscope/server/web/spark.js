// A small line of the last minutes: figures stand beside it, so it is hidden from those who listen.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300, HEIGHT = 32;
const GAP_S = 5; // a point comes each second; a busy server may miss some

export const spark = () => {
  const element = document.createElementNS(SVG, "svg");
  element.setAttribute("class", "spark");
  element.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  element.setAttribute("preserveAspectRatio", "none");
  element.setAttribute("aria-hidden", "true");
  const fill = document.createElementNS(SVG, "path"), line = document.createElementNS(SVG, "path");
  fill.setAttribute("class", "fill");
  element.append(fill, line);
  return {
    element,
    // points: [[seconds ago, value or null], ...], oldest first; span: seconds from left to right; most: value at the top.
    draw(points, span, most) {
      const parts = [], areas = [];
      let run = [], before = null;
      const end = () => {
        if (run.length) {
          const path = run.map(([x, y], i) => `${i ? "L" : "M"}${x} ${y}`).join("");
          parts.push(run.length === 1 ? `${path}h.5` : path);
          areas.push(`${path}L${run.at(-1)[0]} ${HEIGHT}L${run[0][0]} ${HEIGHT}Z`);
        }
        run = [];
      };
      for (const [age, value] of points) {
        if (before !== null && before - age > GAP_S) end(); // a gap is a gap
        before = age;
        if (value === null || value === undefined || age > span) end();
        else run.push([(WIDTH * (1 - age / span)).toFixed(1), (HEIGHT - 1.5 - (HEIGHT - 3) * Math.min(1, most > 0 ? value / most : 0)).toFixed(1)]);
      }
      end();
      line.setAttribute("d", parts.join(""));
      fill.setAttribute("d", areas.join(""));
    },
  };
};
