/** The candidates that a text may be a slip of, the nearest; several where they are equally near. */
export function allNearest(text: string, candidates: readonly string[]): string[] {
  const meant = plainly(text);
  const limit = Math.max(1, Math.floor(meant.length / 3));
  const ranked = candidates
    // Each letter more or less is an edit: most candidates need no more than this look.
    .filter((candidate) => Math.abs(candidate.length - meant.length) <= limit)
    .map((candidate) => ({ candidate, distance: editDistance(meant, plainly(candidate), limit) }))
    .filter(({ distance }) => distance <= limit);
  const least = Math.min(...ranked.map(({ distance }) => distance));
  return ranked.filter(({ distance }) => distance === least).map(({ candidate }) => candidate);
}

/** The first of {@link allNearest}; undefined where nothing is near. */
export function nearest(text: string, candidates: readonly string[]): string | undefined {
  return allNearest(text, candidates)[0];
}

/** Case, blanks, quotes and the kind of separator are slips that change no letter. */
const plainly = (text: string): string =>
  text
    .toLowerCase()
    .replace(/^[\s"'`]+|[\s"'`]+$/g, "")
    .replace(/[_\s]/g, "-");

/** Levenshtein distance, two neighbours that changed places counted once; Infinity as soon as it is beyond `limit`. */
export function editDistance(a: string, b: string, limit = Infinity): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const diagonal = row[j - 1] as number;
      let distance = a[i - 1] === b[j - 1] ? diagonal : 1 + Math.min(diagonal, row[j] as number, next[j - 1] as number);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        distance = Math.min(distance, (before[j - 2] as number) + 1);
      next.push(distance);
      if (distance < least) least = distance;
    }
    // Two rows back, for a swap may still lower it.
    if (least > limit + 1) return Infinity;
    [before, row] = [row, next];
  }
  return row[b.length] as number;
}
