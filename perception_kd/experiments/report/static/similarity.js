// Cosine similarity of one feature to all points and to all cells of the images.

const similarityData = payload("similarity");
const features = similarityData?.keyframes.map((entry) => ({
  points: decode(entry.points),
  pixels: decode(entry.pixels),
  pairs: decode(entry.pairs).values,
}));

// Features of the rows start..stop of an array whose last axis holds the channels.
function cosines(query, { shape, values }, start = 0, stop = values.length / shape.at(-1)) {
  const channels = shape.at(-1);
  const length = Math.hypot(...query);
  return Float32Array.from({ length: stop - start }, (_, i) => {
    const offset = (start + i) * channels;
    let dot = 0, square = 0;
    for (let c = 0; c < channels; c++) {
      dot += query[c] * values[offset + c];
      square += values[offset + c] ** 2;
    }
    return square && length ? dot / (length * Math.sqrt(square)) : 0;
  });
}

function rampIndex(value) {
  const [low, high] = similarityData.range;
  return Math.round(255 * Math.min(1, Math.max(0, (value - low) / (high - low))));
}

class SimilarityView {
  constructor() {
    this.readout = document.getElementById("readout-similarity");
    this.element = document.getElementById("cloud-similarity");
    this.cloud = new Cloud(this.element, cloudData.range, { onClick: (row) => this.choosePoint(row) });
    whenNear(this.element, () => this.start());
    onKeyframe.push(() => this.cloud.ready && this.start());
    document.querySelectorAll(".chip").forEach((chip) => {
      chip.addEventListener("click", () => this.choosePoint(Number(chip.dataset.row)));
    });
    document.querySelectorAll(".heat .layers").forEach((layers) => {
      layers.addEventListener("click", (event) => this.chooseSpot(layers, event));
    });
    const strength = document.getElementById("heat");
    const setStrength = () => document.documentElement.style.setProperty("--heat", strength.value / 100);
    strength.addEventListener("input", setStrength);
    setStrength();
  }

  start() {
    const { positions } = clouds[keyframe];
    this.cloud.draw(positions, paint(positions.length / 3, () => GRAY));
    const first = document.querySelector(`.queries[data-of-keyframe="${keyframe}"] .chip`);
    this.choosePoint(first ? Number(first.dataset.row) : 0);
  }

  figures() { return document.querySelectorAll(`.similarity [data-of-keyframe="${keyframe}"] .heat`); }

  choosePoint(row) {
    const { points, pairs } = features[keyframe];
    const channels = points.shape[1];
    const marks = [];
    for (let i = 0; i < pairs.length; i += 4) {
      if (pairs[i] === row) marks.push({ view: pairs[i + 1], u: pairs[i + 2] / 1e4, v: pairs[i + 3] / 1e4 });
    }
    const query = points.values.subarray(row * channels, (row + 1) * channels);
    return this.show(query, row, marks, `Point: ${describePoint(row)}`);
  }

  chooseSpot(layers, event) {
    const { pixels } = features[keyframe];
    const [, rows, cols, channels] = pixels.shape;
    const box = layers.getBoundingClientRect();
    const u = (event.clientX - box.left) / box.width;
    const v = (event.clientY - box.top) / box.height;
    const view = Number(layers.parentElement.dataset.view);
    const row = Math.min(rows - 1, Math.max(0, Math.floor(v * rows)));
    const col = Math.min(cols - 1, Math.max(0, Math.floor(u * cols)));
    const offset = ((view * rows + row) * cols + col) * channels;
    const name = layers.parentElement.querySelector("figcaption").textContent;
    return this.show(pixels.values.subarray(offset, offset + channels), null, [{ view, u, v }], `Spot in ${name}`);
  }

  show(query, row, marks, caption) {
    const { points } = features[keyframe];
    const similar = cosines(query, points);
    this.figures().forEach((figure) => this.heat(figure, query, marks));
    document.querySelectorAll(".chip").forEach((chip) => {
      chip.setAttribute("aria-pressed", String(row !== null && Number(chip.dataset.row) === row));
    });
    this.readout.textContent = `${caption}. ${mostSimilar(similar)}`;
    const colors = paint(similar.length, (i) => similarityData.ramp[rampIndex(similar[i])]);
    if (this.cloud.ready) this.cloud.recolor(colors, row);
    this.element.dataset.shown = row ?? "spot";
  }

  heat(figure, query, marks) {
    const { pixels } = features[keyframe];
    const [, rows, cols] = pixels.shape;
    const view = Number(figure.dataset.view);
    const similar = cosines(query, pixels, view * rows * cols, (view + 1) * rows * cols);
    const canvas = figure.querySelector("canvas");
    Object.assign(canvas, { width: cols, height: rows });
    const image = new ImageData(cols, rows);
    similar.forEach((value, i) => image.data.set([...similarityData.ramp[rampIndex(value)], 255], 4 * i));
    canvas.getContext("2d").putImageData(image, 0, 0);
    const mark = figure.querySelector(".mark");
    const place = marks.find((candidate) => candidate.view === view);
    mark.hidden = !place;
    if (place) Object.assign(mark.style, { left: `${100 * place.u}%`, top: `${100 * place.v}%` });
  }
}

// The classes of the most similar points. Labels are not used in the pre-training.
function mostSimilar(similar) {
  const ids = clouds[keyframe].labels.truth;
  if (!ids) return "";
  const sums = cloudData.classes.map(() => [0, 0]);
  similar.forEach((value, i) => {
    const sum = sums[ids[i]];
    if (sum) { sum[0] += value; sum[1] += 1; }
  });
  const means = sums.map(([sum, count], id) => ({ name: cloudData.classes[id].name, mean: count ? sum / count : -2 }));
  const best = means.filter(({ mean }) => mean > -2).sort((a, b) => b.mean - a.mean).slice(0, 3);
  return `Most similar on average: ${best.map(({ name, mean }) => `${name} ${mean.toFixed(2)}`).join(", ")}.`;
}

// For debugging in the console.
if (features && clouds) window.similarityView = new SimilarityView();
