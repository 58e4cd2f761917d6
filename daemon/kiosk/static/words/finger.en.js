// Fingers and slips, in English; one line a word.
export const words = {
  use_finger: "Use a finger",
  finger_consent: "May we take your fingerprint?",
  finger_agree: "I agree to my finger",
  slip_scan: "Please scan your fingerprint slip",
  slip_scan_hint: "No slip? Choose another way",
  slip: "QR code of the fingerprint slip",
  slip_written: "Please keep your fingerprint slip",
  slip_keep: "Valid until {0}. Bring it to the next check",
  slip_taken: "I have it",
  enrol_hint: "You have passed. Enrolling is up to you",
  enrol_agree: "Enrol my finger",
  enrol_not: "No, go on",
  not_enrolled: "No finger was enrolled",
  not_enrolled_hint: "This check is not affected. Later ones go by face or document",
};

export const troubles = {
  finger_lay: "Lay your finger flat on the reader",
  finger_too_dry: "Finger too dry: breathe on it, then try again",
  finger_too_wet: "Finger too wet: dry it, then try again",
  finger_moved: "Hold the finger still",
  finger_partial: "Lay the whole fingertip flat; if it is cut, take another finger",
  finger_lift: "Lift the finger and lay it again",
  finger_once_more: "Lift, then lay the same finger again",
  finger_differs: "These were two fingers: use the same one",
  finger_none: "No finger was there: lay it on the reader",
  finger_slip_needed: "Scan the fingerprint slip, or choose another way",
  finger_no_reference: "There is no print to compare with: another way, please",
  finger_not_comparable: "The reader cannot compare this print: another way, please",
  finger_not_enrolled: "No slip could be written. This check is not affected",
  given_up: "No finger was enrolled",
  slip_unreadable: "This is no fingerprint slip: scan the code on the slip",
  slip_truncated: "The scan broke off: flatten the slip, scan it again",
  slip_future_version: "A newer unit wrote this slip, this one cannot read it: another way, please",
  slip_foreign_site: "Another hospital's slip: another way, please; you may enrol here",
  slip_forged: "No unit of this hospital wrote this slip: staff, keep it and look at her document",
  slip_expired: "The slip has expired: another way, please; you may enrol anew",
  slip_key_retired: "The slip's key is out of use: another way, please; you may enrol anew",
  slip_other_person: "The slip belongs to another document: show your own, or another way",
  slip_needs_card: "Read the card first, then scan the slip",
  slip_no_keys: "This unit reads no fingerprint slips: another way, please",
  no_slip: "The slip is no longer here: please enrol anew",
};

export const devices = {
  fingerprint: "Fingerprint reader",
};
