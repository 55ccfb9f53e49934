/** Runs once, before jest starts its workers: they learn which process ends after all of them. */
module.exports = () => {
  process.env["HERMES_JEST_PROCESS"] = String(process.pid);
};
