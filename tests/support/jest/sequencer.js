/**
 * Starts the longest test files first, so that no worker is alone with one at the end. How long they take stands in
 * tests/durations.json, which `npm run test:durations` writes from the last run. Files that are not in it start first.
 */
const { readFileSync } = require("node:fs");
const { join, relative } = require("node:path");

const PROJECT = join(__dirname, "..", "..", "..");

const known = () => JSON.parse(readFileSync(join(PROJECT, "tests", "durations.json"), "utf8"));

class LongestFirst {
  #durations;

  /** jest passes options of its own, none of that name. */
  constructor({ durations = known() } = {}) {
    this.#durations = durations;
  }

  sort(tests) {
    const duration = ({ path }) => this.#durations[relative(PROJECT, path)] ?? Infinity;
    // Infinity less Infinity is not a number.
    const order = (one, other) => (duration(one) === duration(other) ? 0 : duration(other) - duration(one));
    return [...tests].sort((one, other) => order(one, other) || (one.path < other.path ? -1 : 1));
  }

  shard(tests, { shardIndex, shardCount }) {
    return this.sort(tests).filter((_, index) => index % shardCount === shardIndex - 1);
  }

  /** jest would keep its own durations and failures here. */
  cacheResults() {}

  allFailedTests(tests) {
    return tests;
  }
}

module.exports = LongestFirst;
