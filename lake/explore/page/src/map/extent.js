/**
 * What a map shows, apart from the screen: the place in the middle, and the km to its left and right, above
 * and below, as they are at the point below the satellite.
 */

/** { lat, lon, width, height } of a view { row, column, zoom } on a screen; row and column beyond the limb. */
export function extentOf(grid, view, [width, height]) {
  const place = grid.lonlat(view.row, view.column);
  const middle = place ? { lat: place[1], lon: place[0] } : { row: view.row, column: view.column };
  const km = grid.kilometres / view.zoom; // of a screen pixel
  return { ...middle, width: width * km, height: height * km };
}

/** The view that shows all of an extent on a screen; null where the satellite does not see its middle. */
export function viewOf(grid, extent, [width, height]) {
  const middle = extent.lat === undefined ? [extent.row, extent.column] : grid.place(extent.lon, extent.lat);
  if (!middle) return null;
  const zoom = grid.kilometres * Math.min(width / extent.width, height / extent.height);
  return { row: middle[0], column: middle[1], zoom };
}
