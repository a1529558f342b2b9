/**
 * Local mean solar time: UTC plus longitude / 15 h, as lake/plot/cycles.py has it. The equation of time is left out:
 * the true sun is up to 16 minutes ahead or behind.
 */

const DAY = 86400;

/** What the page calls its clocks. */
export const CLOCKS = { utc: "UTC", solar: "local mean solar time" };

/** Whole seconds of the local mean solar day at a longitude in degrees, below 86400, of seconds of the UTC day. */
export function solar(tod, lon) {
  return (((tod + Math.round(240 * lon)) % DAY) + DAY) % DAY;
}
