"use strict";
// Shared by the other scripts: data, theme, and the chosen keyframe.

const TYPES = { int8: Int8Array, uint8: Uint8Array, int16: Int16Array, int32: Int32Array };

function decode({ dtype, shape, data }) {
  const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  return { shape, values: new TYPES[dtype](bytes.buffer) };
}

function payload(section) {
  const element = document.getElementById(`data-${section}`);
  return element ? JSON.parse(element.textContent) : null;
}

// A color of the style sheet as [red, green, blue, alpha]: light-dark() is resolved only in computed styles.
function themeColor(name, alpha = 255) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const [red, green, blue] = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
  probe.remove();
  return [red, green, blue, alpha];
}

const darkSystem = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme || (darkSystem.matches ? "dark" : "light")) === "dark";

const onTheme = [];
function applyTheme() {
  document.getElementById("theme").setAttribute("aria-pressed", String(isDark()));
  onTheme.forEach((update) => update());
}
document.getElementById("theme").addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("theme", theme); } catch { /* no storage: kept for this visit only */ }
  applyTheme();
});
darkSystem.addEventListener("change", applyTheme);
document.getElementById("theme").setAttribute("aria-pressed", String(isDark()));

// One keyframe for all sections.
let keyframe = 0;
const onKeyframe = [];
document.querySelectorAll("[data-keyframe]").forEach((input) => {
  input.addEventListener("change", () => {
    keyframe = Number(input.value);
    document.querySelectorAll("[data-keyframe]").forEach((other) => { other.checked = other.value === input.value; });
    document.querySelectorAll("[data-of-keyframe]").forEach((part) => {
      part.hidden = part.dataset.ofKeyframe !== input.value;
    });
    onKeyframe.forEach((update) => update());
  });
});

// Choices within a section: parts name the group and the value for which they are shown.
document.querySelectorAll("[data-choice]").forEach((input) => {
  input.addEventListener("change", () => {
    document.querySelectorAll(`[data-of-choice="${input.name}"]`).forEach((part) => {
      part.hidden = part.dataset.value !== input.value;
    });
  });
});

document.querySelectorAll(".zoom").forEach((button) => {
  button.addEventListener("click", () => button.closest("figure").classList.toggle("large"));
});

// Draws an element only when it comes near the viewport, since point clouds take a while.
function whenNear(element, draw) {
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    draw();
  }, { rootMargin: "400px" });
  observer.observe(element);
}
