/**
 * A GeoTIFF of float32 values on the satellite's fixed grid.
 *
 * Sources: TIFF 6.0 (Adobe, 1992), its technical note 2 (Deflate); OGC GeoTIFF 1.1 (19-008r4). GeoTIFF has no
 * code for the geostationary projection: it stands in the citation, as GDAL writes and reads it.
 */

const ROWS = 64; // of a strip
const TYPES = { ascii: 2, short: 3, long: 4, double: 12 };
const BYTES = { ascii: 1, short: 2, long: 4, double: 8 };

/**
 * The file as a Blob.
 *
 * grid: of the store; part: { bands: [{ name, unit, values }], rows, columns, row, column, size }: float32, row-major,
 * NaN where there is none; `row` and `column` of the outer corner in the north-west, `size` of a value, in pixels of
 * the grid. title: in words; facts: name -> text, kept as metadata.
 */
export async function geotiff(grid, { bands, rows, columns, row, column, size }, title, facts) {
  const strips = await Promise.all(bands.flatMap(({ values }) => packed(values, rows, columns)));
  const height = grid.projection.perspective_point_height;
  const [stepX, stepY] = [grid.stepX * height * size, -grid.stepY * height * size];
  const [left, top] = [grid.left + column * grid.stepX, grid.top + row * grid.stepY].map((angle) => angle * height);
  const [keys, doubles, text] = geoKeys(grid.projection);
  const each = (value) => bands.map(() => value);
  const fields = [
    [256, "long", [columns]],
    [257, "long", [rows]],
    [258, "short", each(32)], // bits
    [259, "short", [8]], // Deflate
    [262, "short", [1]], // 0 is black
    [270, "ascii", title],
    [273, "long", strips.map(() => 0)], // where strips begin
    [277, "short", [bands.length]],
    [278, "long", [Math.min(ROWS, rows)]],
    [279, "long", strips.map((strip) => strip.length)],
    [284, "short", [2]], // band after band
    ...(bands.length > 1 ? [[338, "short", bands.slice(1).map(() => 0)]] : []), // bands beyond grey, of no colour
    [339, "short", each(3)], // floating point
    [33550, "double", [stepX, stepY, 0]],
    [33922, "double", [0, 0, 0, left, top, 0]],
    [34735, "short", keys],
    [34736, "double", doubles],
    [34737, "ascii", text],
    [42112, "ascii", metadata(bands, facts)], // GDAL's
    [42113, "ascii", "nan"], // what stands for no value
  ];
  return new Blob([directory(fields, strips), ...strips], { type: "image/tiff" });
}

/** Strips of a band: zlib's Deflate of each, as promises of bytes. */
function packed(values, rows, columns) {
  const count = Math.ceil(rows / ROWS);
  return Array.from({ length: count }, async (_, i) => {
    const strip = values.subarray(i * ROWS * columns, Math.min((i + 1) * ROWS, rows) * columns);
    const stream = new Blob([strip]).stream().pipeThrough(new CompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  });
}

/** Header and directory: what is longer than four bytes stands behind the directory, strips behind that. */
function directory(fields, strips) {
  const first = 8 + 2 + 12 * fields.length + 4;
  const encoded = fields.map(([tag, type, value]) => [tag, type, type === "ascii" ? new TextEncoder().encode(`${value}\0`) : value]);
  const sizes = encoded.map(([, type, value]) => BYTES[type] * value.length);
  const even = (size) => size + (size % 2);
  const length = first + sizes.reduce((sum, size) => sum + (size > 4 ? even(size) : 0), 0);
  let start = length;
  encoded.find(([tag]) => tag === 273)[2] = strips.map((strip) => (start += strip.length) - strip.length);
  const view = new DataView(new ArrayBuffer(length));
  const put = {
    ascii: (at, value) => view.setUint8(at, value),
    short: (at, value) => view.setUint16(at, value, true),
    long: (at, value) => view.setUint32(at, value, true),
    double: (at, value) => view.setFloat64(at, value, true),
  };
  [0x4949, 42].forEach((number, i) => view.setUint16(2 * i, number, true)); // little-endian
  view.setUint32(4, 8, true);
  view.setUint16(8, fields.length, true);
  let behind = first;
  encoded.forEach(([tag, type, value], n) => {
    const entry = 10 + 12 * n;
    view.setUint16(entry, tag, true);
    view.setUint16(entry + 2, TYPES[type], true);
    view.setUint32(entry + 4, value.length, true);
    const isLong = sizes[n] > 4;
    if (isLong) view.setUint32(entry + 8, behind, true);
    const at = isLong ? behind : entry + 8;
    value.forEach((number, i) => put[type](at + i * BYTES[type], number));
    if (isLong) behind += even(sizes[n]);
  });
  return view.buffer;
}

/** [keys, doubles, text] of the projection. */
function geoKeys(projection) {
  const { semi_major_axis: major, semi_minor_axis: minor } = projection;
  const flattening = major / (major - minor);
  const names = ["GOES fixed grid|", "GCS Name = unknown|Ellipsoid = GRS 1980|Primem = Greenwich||", `ESRI PE String = ${wkt(projection, flattening)}|`];
  const text = names.join("");
  const at = names.map((_, i) => names.slice(0, i).join("").length);
  const USER = 32767;
  const keys = [
    [1024, 0, 1, USER], // 1, projected, would need a code of the projection
    [1025, 0, 1, 1], // a value is that of an area
    [1026, 34737, names[0].length, at[0]],
    [2048, 0, 1, USER],
    [2049, 34737, names[1].length, at[1]],
    [2050, 0, 1, USER], // datum
    [2054, 0, 1, 9102], // degrees
    [2056, 0, 1, USER], // ellipsoid
    [2057, 34736, 1, 0],
    [2059, 34736, 1, 1],
    [2061, 34736, 1, 2],
    [3073, 34737, names[2].length, at[2]],
    [3076, 0, 1, 9001], // metres
  ];
  return [[1, 1, 0, keys.length, ...keys.flat()], [major, flattening, 0], text];
}

/** The projection as text, WKT 1 with PROJ's own words: the sweep of the instrument is in these alone. */
function wkt(projection, flattening) {
  const { semi_major_axis: major, perspective_point_height: height, longitude_of_projection_origin: lon } = projection;
  const ellipsoid = `SPHEROID["GRS 1980",${major},${flattening}]`;
  const degrees = `GEOGCS["unknown",DATUM["unknown",${ellipsoid}],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]`;
  const proj = `+proj=geos +sweep=${projection.sweep_angle_axis} +lon_0=${lon} +h=${height} +a=${major} +rf=${flattening} +units=m +no_defs`;
  const parameters = [["central_meridian", lon], ["satellite_height", height], ["false_easting", 0], ["false_northing", 0]];
  const parts = parameters.map(([name, value]) => `PARAMETER["${name}",${value}]`).join(",");
  return `PROJCS["GOES fixed grid",${degrees},PROJECTION["Geostationary_Satellite"],${parts},UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],AXIS["Northing",NORTH],EXTENSION["PROJ4","${proj}"]]`;
}

/** GDAL's metadata: names and units of bands, facts of the file. */
function metadata(bands, facts) {
  const item = (name, value, attributes = "") => `<Item name="${name}"${attributes}>${escaped(value)}</Item>`;
  const own = bands.flatMap(({ name, unit }, i) => [
    item("DESCRIPTION", name, ` sample="${i}" role="description"`),
    ...(unit ? [item("UNITTYPE", unit, ` sample="${i}" role="unittype"`)] : []),
  ]);
  const shared = Object.entries(facts).map(([name, value]) => item(name, value));
  return `<GDALMetadata>${[...own, ...shared].join("")}</GDALMetadata>`;
}

function escaped(text) {
  const once = (part) => part.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return once(once(String(text))); // GDAL reads the values of its XML as XML again
}
