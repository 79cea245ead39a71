// Two point clouds side by side, colored by class, prediction or features.

const GRAY = [150, 150, 150];
const cloudData = payload("clouds");
const clouds = cloudData?.keyframes.map((entry) => ({
  positions: decode(entry.positions).values,
  labels: Object.fromEntries(Object.entries(entry.labels).map(([mode, ids]) => [mode, decode(ids).values])),
  colors: Object.fromEntries(Object.entries(entry.colors).map(([mode, rgb]) => [mode, decode(rgb).values])),
}));

// One RGBA color per point, as deck.gl expects.
function paint(count, colorOf) {
  const colors = new Uint8Array(4 * count).fill(255);
  for (let i = 0; i < count; i++) colors.set(colorOf(i), 4 * i);
  return colors;
}

function modeColors(mode) {
  const { labels, colors } = clouds[keyframe];
  const own = colors[mode];
  if (own) return paint(own.length / 3, (i) => own.subarray(3 * i, 3 * i + 3));
  const ids = labels[mode];
  return paint(ids.length, (i) => cloudData.classes[ids[i]]?.color ?? GRAY);
}

function className(mode, row) {
  return cloudData.classes[clouds[keyframe].labels[mode]?.[row]]?.name ?? "no class";
}

function describePoint(row) {
  const { positions, labels } = clouds[keyframe];
  const meters = Math.hypot(...positions.subarray(3 * row, 3 * row + 3)) / 100;
  return `${labels.truth ? className("truth", row) : "point"}, ${meters.toFixed(1)} m`;
}

function setUpClouds() {
  const sides = ["left", "right"].map((side) => {
    const select = document.getElementById(`mode-${side}`);
    const readout = document.getElementById(`readout-${side}`);
    const onHover = (row) => {
      const predicted = row !== null && select.value !== "truth" && select.value in clouds[keyframe].labels;
      const shown = predicted ? `; predicted: ${className(select.value, row)}` : "";
      readout.textContent = row === null ? "\u00a0" : describePoint(row) + shown;
    };
    const cloud = new Cloud(document.getElementById(`cloud-${side}`), cloudData.range, { onHover });
    select.addEventListener("change", () => cloud.ready && cloud.recolor(modeColors(select.value)));
    const draw = () => cloud.draw(clouds[keyframe].positions, modeColors(select.value));
    whenNear(cloud.element, draw);
    onKeyframe.push(() => cloud.ready && draw());
    return cloud;
  });
  sides.forEach((cloud, i) => { cloud.onView = (view) => sides[1 - i].look(view); });
  document.querySelector("[data-reset-view]").addEventListener("click", () => sides.forEach((cloud) => cloud.look(cloud.home())));
}

if (clouds) setUpClouds();
