// As tried.py, for programs in JavaScript.
const tell = (what, result, reason = '') => {
  const line = String(reason).split(/\s+/).join(' ').slice(0, 300);
  console.log([process.env.WHO, process.env.VERSION, what, result, line].join('\t'));
};

// A failure that matches `theirs` is the published program's own.
exports.tried = async (what, call, theirs) => {
  try {
    const seen = await call();
    tell(what, 'answered', theirs ? 'what was known is gone: mend the expectation' : '');
    return seen;
  } catch (error) {
    const reason = `${error.name}: ${error.message} ${error.description ?? JSON.stringify(error.data ?? error.response ?? "")}`;
    if (process.env.VERBOSE) console.error(error);
    tell(what, theirs?.test(reason) ? 'theirs' : 'failed', reason);
  }
};

exports.expect = (condition, why) => {
  if (!condition) throw new Error(why);
};

exports.pause = (ms) => new Promise((done) => setTimeout(done, ms));
