/**
 * The satellite's fixed grid: scan angles <-> longitude and latitude, as lake/grid.py has it.
 *
 * Scan angles in radians, positive to the north (y) and east (x); longitude and latitude in degrees.
 * A projection has the names of the CF conventions. Source: GOES-R Product Definition and Users'
 * Guide, volume 3, section 5.1.2.8, "Navigation of image data".
 */

const RADIANS = Math.PI / 180;
const STEPS = 40; // points along an edge by which degrees are found

/** [longitude, latitude] of where a line of sight meets the ellipsoid; null where it does not. */
export function lonlat(projection, y, x) {
  const { semi_major_axis: major, semi_minor_axis: minor } = projection;
  const distance = projection.perspective_point_height + major;
  const ratio = (major / minor) ** 2;
  const a = Math.sin(x) ** 2 + Math.cos(x) ** 2 * (Math.cos(y) ** 2 + ratio * Math.sin(y) ** 2);
  const halfB = -distance * Math.cos(x) * Math.cos(y);
  const inside = halfB ** 2 - a * (distance ** 2 - major ** 2);
  if (!(inside >= 0)) return null;
  const length = (-halfB - Math.sqrt(inside)) / a;
  const toward = distance - length * Math.cos(x) * Math.cos(y);
  const west = -length * Math.sin(x);
  const north = length * Math.cos(x) * Math.sin(y);
  const lon = projection.longitude_of_projection_origin - Math.atan2(west, toward) / RADIANS;
  const lat = Math.atan2(ratio * north, Math.hypot(toward, west)) / RADIANS;
  return [((((lon + 180) % 360) + 360) % 360) - 180, lat];
}

/** [y, x] of a point on the ellipsoid; null where the satellite does not see it. */
export function scanAngles(projection, lon, lat) {
  const { semi_major_axis: major, semi_minor_axis: minor } = projection;
  const distance = projection.perspective_point_height + major;
  const east = (lon - projection.longitude_of_projection_origin) * RADIANS;
  const north = lat * RADIANS;
  const shrink = (minor / major) ** 2;
  const normal = major / Math.sqrt(1 - (1 - shrink) * Math.sin(north) ** 2);
  const toward = normal * Math.cos(north) * Math.cos(east);
  if (!(toward >= major ** 2 / distance)) return null;
  const sx = distance - toward;
  const sy = -normal * Math.cos(north) * Math.sin(east);
  const sz = normal * shrink * Math.sin(north);
  return [Math.atan2(sz, sx), Math.atan2(-sy, Math.hypot(sx, sz))];
}

/**
 * The coarse grid of a store: rows and columns as fractions, 0 at the outer corner in the north-west.
 *
 * `transform` is the affine one of GeoZarr, metres of the projection.
 */
export class Grid {
  constructor(projection, transform, shape) {
    const [stepX, , left, , stepY, top] = transform;
    const height = projection.perspective_point_height;
    this.projection = projection;
    [this.rows, this.columns] = shape;
    this.stepX = stepX / height;
    this.stepY = stepY / height;
    this.left = left / height;
    this.top = top / height;
    this.kilometres = Math.abs(stepX) / 1000; // of a pixel, at the point below the satellite
  }

  /** [longitude, latitude] at a row and column; null beyond the limb. */
  lonlat(row, column) {
    return lonlat(this.projection, this.top + row * this.stepY, this.left + column * this.stepX);
  }

  /** [row, column] of a point; null where the satellite does not see it. */
  place(lon, lat) {
    const angles = scanAngles(this.projection, lon, lat);
    if (!angles) return null;
    return [(angles[0] - this.top) / this.stepY, (angles[1] - this.left) / this.stepX];
  }
}

/** [west, south, east, north] in degrees of what is visible, east above west; not finite: space alone is. */
export function degreesOf(grid, [top, left, bottom, right]) {
  const origin = grid.projection.longitude_of_projection_origin;
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i <= STEPS; i++) for (let k = 0; k <= STEPS; k++) {
    const place = grid.lonlat(top + ((bottom - top) * i) / STEPS, left + ((right - left) * k) / STEPS);
    if (!place) continue;
    const lon = origin + ((((place[0] - origin + 180) % 360) + 360) % 360) - 180; // not cut where the satellite looks
    [west, east] = [Math.min(west, lon), Math.max(east, lon)];
    [south, north] = [Math.min(south, place[1]), Math.max(north, place[1])];
  }
  return [west, south, east, north];
}
