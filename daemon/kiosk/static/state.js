// What only this page knows: the last view, and where its user is beside the check.
export const now = {
  view: null,
  staff: null, // the staff's screen that is open, by name; null: the check's own screens
  part: null, // a part of a step's screen: "consent", "ways", the outcome being given a reason
  training: false,
  facts: {}, // what was asked for: checks, charts, findings
  said: "", // what staff has just done, in words
  entering: null, // the document or channel that an officer is entering
  rounds: 0, // how often what somebody had opened or typed has given way to a screen for anybody
  amending: null, // the check that something is added to, and what
};

let draw = () => {};
export const onChange = (drawn) => { draw = drawn; };

// Go to another part of this step's screen, or draw anew.
export function go(changes = {}) {
  Object.assign(now, changes);
  draw();
}
