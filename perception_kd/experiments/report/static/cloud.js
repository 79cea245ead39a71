// A point cloud that can be rotated, drawn with deck.gl.

const HOME = { target: [0, 8, 0], rotationX: 32, rotationOrbit: 0 };
const RINGS = [10, 20, 40]; // m
const GROUND = -1.8; // m, relative to the sensor
// Ambient light only, so that colors match the legend.
const UNLIT = { ambient: 1, diffuse: 0, shininess: 1, specularColor: [0, 0, 0] };
const LIMITS = { minZoom: 0, maxZoom: 9 };
const PICKING_RADIUS = 5; // px

function ringPath(radius) {
  return Array.from({ length: 97 }, (_, i) => {
    const angle = (i * Math.PI) / 48;
    return [radius * Math.cos(angle), radius * Math.sin(angle), GROUND];
  });
}

class Cloud {
  // range: m from the center to the edge of the initial view. onClick and onHover get the row of a
  // point (onHover also null), onView gets the new view.
  constructor(element, range, { onClick = () => {}, onHover = () => {}, onView = () => {} } = {}) {
    Object.assign(this, { element, range, onClick, onHover, onView, deck: null, marked: null });
    element.addEventListener("keydown", (event) => this.key(event));
    element.addEventListener("pointerdown", ({ clientX, clientY }) => { this.pressed = [clientX, clientY]; }, true);
    element.addEventListener("click", (event) => this.click(event), true);
    onTheme.push(() => this.update());
  }

  get ready() { return this.deck !== null; }

  // positions: Int16Array of x, y, z in cm; colors: Uint8Array of red, green, blue, 255.
  draw(positions, colors) {
    this.positions = Float32Array.from(positions, (value) => value / 100);
    Object.assign(this, { colors, marked: null });
    if (this.ready) return this.update();
    this.view ??= this.home();
    this.deck = new deck.Deck({
      parent: this.element,
      views: new deck.OrbitView({ orbitAxis: "Z", fovy: 40 }),
      viewState: this.view,
      controller: { keyboard: false, inertia: false },
      pickingRadius: PICKING_RADIUS,
      getCursor: ({ isDragging }) => (isDragging ? "grabbing" : "crosshair"),
      onViewStateChange: ({ viewState }) => { this.look(viewState); this.onView(viewState); },
      onHover: ({ index, layer }) => this.onHover(layer?.id === "points" ? index : null),
      onAfterRender: () => { this.element.dataset.ready = "true"; },
      layers: this.layers(),
    });
  }

  // The browser's own click: deck.gl's has to end within 250 ms, too short for a slow renderer.
  click({ clientX, clientY }) {
    const moved = this.pressed && Math.hypot(clientX - this.pressed[0], clientY - this.pressed[1]);
    if (!this.ready || moved > PICKING_RADIUS) return;
    const box = this.element.getBoundingClientRect();
    const place = { x: clientX - box.left, y: clientY - box.top, radius: PICKING_RADIUS, layerIds: ["points"] };
    const picked = this.deck.pickObject(place);
    if (picked) this.onClick(picked.index);
  }

  recolor(colors, marked = null) {
    Object.assign(this, { colors, marked });
    this.update();
  }

  update() { this.deck?.setProps({ layers: this.layers() }); }

  layers() {
    const attributes = {
      getPosition: { value: this.positions, size: 3 },
      getColor: { value: this.colors, size: 4, type: "unorm8", normalized: true },
    };
    const mark = this.marked === null ? [] : [this.positions.slice(3 * this.marked, 3 * this.marked + 3)];
    return [
      new deck.PathLayer({
        id: "rings", data: RINGS.map(ringPath), getPath: (path) => path, getColor: themeColor("dim", 110), widthUnits: "pixels",
        getWidth: 1.2, billboard: true,
      }),
      new deck.PointCloudLayer({
        id: "points", data: { length: this.positions.length / 3, attributes }, pointSize: 1.6, material: UNLIT, pickable: true,
      }),
      new deck.ScatterplotLayer({
        id: "mark", data: mark, getPosition: (position) => position, radiusUnits: "pixels", getRadius: 9, filled: false, stroked: true,
        lineWidthUnits: "pixels", getLineWidth: 3, getLineColor: themeColor("text"), billboard: true,
        parameters: { depthCompare: "always" },
      }),
    ];
  }

  home() {
    const zoom = Math.log2(this.element.clientWidth / (2 * this.range)) + 0.55;
    return { ...LIMITS, ...HOME, zoom };
  }

  look(view) {
    this.view = view;
    this.deck?.setProps({ viewState: view });
  }

  key(event) {
    const { rotationOrbit, rotationX, zoom } = this.view ?? {};
    const change = {
      ArrowLeft: { rotationOrbit: rotationOrbit + 8 },
      ArrowRight: { rotationOrbit: rotationOrbit - 8 },
      ArrowUp: { rotationX: Math.min(90, rotationX + 5) },
      ArrowDown: { rotationX: Math.max(0, rotationX - 5) },
      "+": { zoom: zoom + 0.25 },
      "-": { zoom: zoom - 0.25 },
      Home: this.ready ? this.home() : {},
    }[event.key];
    if (!this.ready || !change) return;
    event.preventDefault();
    this.look({ ...this.view, ...change });
    this.onView(this.view);
  }
}
