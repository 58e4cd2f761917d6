/* Instants as records write them: 2026-11-21T19:21:51.123Z, UTC with milliseconds, no other form. */
"use strict";

const instants = (() => {
  const FORM = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/;

  /* Milliseconds since 1970, or null. A date that no calendar has does not come back as it was written. */
  function read(text) {
    if (!FORM.test(text) || text.startsWith("0000")) return null;
    const moment = Date.parse(text);
    return Number.isNaN(moment) || new Date(moment).toISOString() !== text ? null : moment;
  }

  const day = (moment) => new Date(moment).toISOString().slice(0, 10);

  return { read, day };
})();
