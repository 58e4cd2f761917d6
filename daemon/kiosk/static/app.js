"use strict";
// The page knows nothing of the check: it shows the view it is sent and sends touches back.

const page = JSON.parse(document.getElementById("page").textContent);
const byId = (id) => document.getElementById(id);
let language = "zh";
let view = null;

const words = {
  zh: {
    idle: "请开始核验", notice: "核验告知", card: "请将身份证放在读卡区", face: "请看镜头", decision: "请工作人员处理",
    confirm: "请工作人员确认", sealing: "正在记录……", done: "核验结果", noting: "正在记录……",
    passed: "✔ 通过", failed: "✘ 未通过", refused: "✘ 拒绝", unable: "△ 无法核验", manual: "✔ 人工核验",
    emergency: "✚ 紧急放行", device_fault: "△ 设备故障", interrupted: "△ 中断",
    begin: "开始核验", agree: "同意并开始", other_way: "不使用人脸", refuse: "拒绝核验", left: "人已离开",
    withdraw: "撤回", close: "完成", confirm_touch: "确认", explain: "说明紧急情况", emergency_touch: "✚ 紧急放行 — 先救治",
    officer: "工作人员", pin: "密码", reason: "原因", ok: "确定", cancel: "取消", visit: "就诊号（可空）",
    name: "姓名", number: "证件号码", recorded: "已记录，编号", online: "已连接医院", offline: "离线：已在本机记录，待传", storage_low: "存储空间不足，请联系维护，尚可使用", storage_critical: "存储空间即将用尽，请立即联系维护，尚可使用", days: "天", confirmed: "已确认",
    drill: "演练", english: "English",
    finger: "请按指纹", sign: "请签名", sign_ok: "签名完成", sign_later: "稍后签名", sign_clear: "重写", signer: "签名人", self: "本人",
    park: "等待第二名工作人员，先核验下一位", resume: "继续核验", parked: "待第二人确认", owed: "尚欠核验", no_card: "没有身份证", phone: "本人电话号码",
  },
  en: {
    idle: "Ready for a check", notice: "Notice", card: "Please lay the ID card on the reader", face: "Please look at the camera",
    decision: "Staff, please decide", confirm: "Staff, please confirm", sealing: "Recording …", done: "Result", noting: "Recording …",
    passed: "✔ Passed", failed: "✘ Not passed", refused: "✘ Refused", unable: "△ Cannot be verified", manual: "✔ Checked by staff",
    emergency: "✚ Emergency", device_fault: "△ Device fault", interrupted: "△ Interrupted",
    begin: "Begin", agree: "I agree, begin", other_way: "Without my face", refuse: "I refuse", left: "She has left",
    withdraw: "Take back", close: "Done", confirm_touch: "Confirm", explain: "Explain the emergency", emergency_touch: "✚ Emergency — care first",
    officer: "Officer", pin: "PIN", reason: "Reason", ok: "OK", cancel: "Cancel", visit: "Visit number (may be empty)",
    name: "Name", number: "Number", recorded: "Recorded, number", online: "Connected to the hospital", offline: "Offline: recorded here, waiting", storage_low: "Storage is running low, call service; enough for", storage_critical: "Storage nearly full, call service now; enough for", days: "days", confirmed: "confirmed by",
    drill: "drill", english: "中文",
    finger: "Please lay your finger on the reader", sign: "Please sign", sign_ok: "Signed", sign_later: "Sign later", sign_clear: "Clear", signer: "Who signs", self: "herself",
    park: "Second officer not here: next woman", resume: "Go on with", parked: "Waiting for the second officer", owed: "Still owed", no_card: "No ID card", phone: "Her own telephone number",
  },
};
const troubles = {
  zh: {
    card_removed: "证件移开过早，请重新放置", card_not_authentic: "证件无法认证", card_unknown_type: "不支持的证件", card_unreadable: "证件无法读取，请重新放置",
    face_no_match: "与证件照片不一致", no_face: "未检测到人脸，请正对镜头", face_too_small: "请靠近镜头", face_cut_off: "请移到画面中央", face_too_dark: "光线太暗，请面向光源", face_too_bright: "光线太强，请避开强光",
    face_side_light: "一侧光线太强，请转离光源", face_turned: "请正对镜头", face_nodded: "请平视镜头", face_blurred: "请保持不动",
    face_mouth_covered: "请露出口鼻", face_eyes_covered: "请摘下眼镜", face_eyes_closed: "请睁开眼睛", card_photo_no_face: "证件照片无法使用", photo_unusable: "证件照片无法使用",
    phone_missing: "请填写本人电话号码", officers_for_document: "此类证件须由两名工作人员核对", document_entered: "请两名工作人员核对证件", no_card: "没有可读取的身份证", too_many_parked: "待确认的核验过多，请先处理", liveness: "未能确认为真人", liveness_missing: "本机无法判断是否为真人", finger_missing: "缺少指纹核验", finger_no_match: "指纹不一致", timeout: "等待超时", png_is_missing_or_too_large: "请签名",
    document_findings: "证件存在问题，请核对", subject_refuses: "本人拒绝核验", other_way: "本人选择不使用人脸", same_officer: "须由另一名工作人员确认",
    second_officer_pending: "等待第二名工作人员确认", outcome_not_open: "此结果不可选", withdrawn: "已撤回", wrong_pin: "工号或密码错误", locked: "多次错误，已锁定五分钟",
    expired: "证件已过期", check_digit_wrong: "证件号码校验位错误", another_statement: "内容已变化，请重新确认", wrong_token: "页面已过期，请刷新", visit_looks_like_an_id_number: "就诊号不能是身份证号码",
  },
  en: {
    card_removed: "The card was lifted too early, please lay it again", card_not_authentic: "The card cannot be authenticated", card_unknown_type: "This kind of card is not supported",
    card_unreadable: "The card cannot be read, please lay it again", face_no_match: "Not like the photo on the card", no_face: "No face seen, please face the camera",
    face_too_small: "Please come closer", face_cut_off: "Please move to the middle", face_too_dark: "Too dark: please face the light",
    face_too_bright: "Too bright: please turn from the light", face_side_light: "Light from one side: please turn from it", face_turned: "Please face the camera",
    face_nodded: "Please hold your head level", face_blurred: "Please hold still", face_mouth_covered: "Please uncover nose and mouth",
    face_eyes_covered: "Please take off your glasses", face_eyes_closed: "Please open your eyes", card_photo_no_face: "The card's photo cannot be used", photo_unusable: "The card's photo cannot be used", document_findings: "Something is wrong with the document, please look",
    phone_missing: "Her own telephone number is missing", officers_for_document: "Two officers must look at this kind of document", document_entered: "Two officers, please look at the document", no_card: "There is no card to read", too_many_parked: "Too many checks wait: please finish those first", liveness: "Not shown to be a living face", liveness_missing: "This unit cannot tell whether the face is alive", finger_missing: "The finger is missing", finger_no_match: "The finger does not match", timeout: "Nothing came in time", png_is_missing_or_too_large: "Please sign",
    subject_refuses: "She refuses", other_way: "She chose the way without her face", same_officer: "Another officer must confirm", second_officer_pending: "Waiting for the second officer",
    outcome_not_open: "This outcome is not open", withdrawn: "Taken back", wrong_pin: "Wrong id or PIN", locked: "Too many tries: locked for five minutes", expired: "The document has expired",
    check_digit_wrong: "The number's check digit is wrong", another_statement: "The content has changed, please confirm again", wrong_token: "The page is too old, please reload", visit_looks_like_an_id_number: "An ID number cannot be the visit number",
  },
};

// What is wrong with a device, for staff: "device:what" as daemon/troubles.py names it.
const devices = {
  zh: {
    coprocessor: "门口控制器", door: "门锁", card_reader: "读卡器", thermal: "热成像",
    version: "固件版本不符，请联系维护", no_answer: "无应答，请检查电源和接线", missing: "未连接", busy: "被其它程序占用", gone: "已断开", garbled: "数据异常", fault: "故障",
    bus_stuck: "总线卡死，请断电重启传感器", no_flash_ring: "断电会丢失事件，请联系维护", no_event_key: "缺少事件密钥，请联系维护", no_host_key: "缺少事件密钥，请联系维护",
    not_authentic: "事件无法验证，请联系维护", events_missed: "有事件未能保存", power_cycled: "本机曾无响应，已被断电重启", tamper_open: "外壳已打开", no_room: "事件存储已满，门不上锁", emergency_open: "紧急放行尚未说明，门保持打开", no_one_shot: "本机死机时门不会自动打开，请联系维护",
    button_held: "紧急按钮按下或断线，门保持打开",
  },
  en: {
    coprocessor: "Door controller", door: "Door lock", card_reader: "Card reader", thermal: "Thermal sensor",
    version: "wrong firmware, call service", no_answer: "no answer, check power and wiring", missing: "not connected", busy: "in use by another program", gone: "disconnected", garbled: "sends nonsense", fault: "fault",
    bus_stuck: "bus stuck, power-cycle the sensors", no_flash_ring: "a power cut loses events, call service", no_event_key: "has no event key, call service", no_host_key: "event key missing here, call service",
    not_authentic: "events cannot be proven, call service", events_missed: "some events were not kept", power_cycled: "this unit hung and was power-cycled", tamper_open: "housing open", no_room: "its event memory is full, the door is not locked", emergency_open: "an emergency nobody has explained, door stays open", no_one_shot: "the door would not open if this unit hung, call service",
    button_held: "emergency button held or wire broken, door stays open",
  },
};

const say = (key) => words[language][key] ?? key;
const explain = (cause) => {
  if (!cause) return "";
  const [name, detail] = cause.split(":");
  return troubles[language][name] ?? (name === "device_lost" ? `${say("device_fault")} (${detail})` : cause);
};

async function touch(name, values = {}) {
  const answer = await fetch(`/touch/${name}`, {
    method: "POST", headers: { "Content-Type": "application/json", "X-Vernix-Token": page.token }, body: JSON.stringify(values),
  });
  return answer.ok ? null : (await answer.json()).cause;
}

function button(label, action, first = false) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.className = first ? "first" : "";
  made.addEventListener("click", async () => { byId("trouble").textContent = explain(await action()); });
  return made;
}

// The form lies in the page, it is never modal: the emergency button stays in reach.
function askOfficer(title, withReason, withPin, send) {
  const form = byId("officer");
  byId("officer-title").textContent = title;
  for (const [id, key] of [["officer-id-label", "officer"], ["officer-pin-label", "pin"], ["officer-reason-label", "reason"], ["officer-ok", "ok"], ["officer-cancel", "cancel"]]) {
    byId(id).textContent = say(key);
  }
  for (const [name, shown] of [["id", withPin], ["pin", withPin], ["reason", withReason]]) {
    byId(`officer-${name}-row`).hidden = !shown;
    byId(`officer-${name}`).required = shown;
    byId(`officer-${name}`).value = "";
  }
  byId("officer-error").textContent = "";
  form.onsubmit = async (event) => {
    event.preventDefault();
    const cause = await send({ officer: byId("officer-id").value, pin: byId("officer-pin").value, reason: byId("officer-reason").value });
    byId("officer-pin").value = "";
    if (cause) byId("officer-error").textContent = explain(cause);
    else closeForm();
  };
  byId("officer-cancel").onclick = closeForm;
  byId("touches").hidden = true;
  form.hidden = false;
  byId(withPin ? "officer-id" : "officer-reason").focus();
}

function closeForm() {
  byId("officer").hidden = true;
  byId("officer-pin").value = "";
  byId("touches").hidden = false;
}

const propose = (outcome) => button(say(outcome), async () => {
  askOfficer(say(outcome), true, false, ({ reason }) => touch("propose", { outcome, reason }));
  return null;
});
const confirmed = () => button(say("confirm_touch"), async () => {
  askOfficer(say("confirm_touch"), false, true, ({ officer, pin }) => touch("confirm", { officer, pin }));
  return null;
}, true);
const decline = (wish) => button(say(wish), () => touch("decline", { wish }));
const leave = () => button(say("left"), () => touch("left"));

const touchesFor = {
  idle: () => [
    button(say("begin"), () => touch("begin", { visit: byId("visit")?.value ?? "" }), true),
    ...view.parked.map((one) => button(`${say("resume")} ${one.visit}`, () => touch("resume", { check: one.check }))),
  ],
  notice: () => [button(say("agree"), () => touch("consent"), true), decline("other_way"), decline("refuse"), leave()],
  card: () => [
    decline("other_way"), decline("refuse"), button(say("no_card"), () => touch("no_card", { cause: "forgotten" })), propose("unable"), leave(),
  ],
  face: () => [decline("other_way"), decline("refuse"), leave()],
  decision: () => [
    ...(view.trouble === "phone_missing" ? [button(say("phone"), () => touch("phone", { phone: byId("phone").value }), true)] : []),
    ...(view.face?.decision === "match" ? [propose("passed")] : []), propose("failed"), propose("refused"), propose("unable"), propose("manual"), propose("device_fault"), leave(),
  ],
  confirm: () => [confirmed(), button(say("park"), () => touch("park")), button(say("withdraw"), () => touch("withdraw"))],
  finger: () => [decline("other_way"), decline("refuse"), leave()],
  sign: () => [button(say("sign_ok"), sendSignature, true), button(say("sign_clear"), clearPad), button(say("sign_later"), () => touch("sign_later"))],
  done: () => [
    ...(view.outcome === "emergency" ? [button(say("explain"), async () => {
      askOfficer(say("explain"), true, true, (values) => touch("explain", values));
      return null;
    })] : []),
    button(say("close"), () => touch("close"), true),
  ],
};

// A pad to sign on; what is drawn leaves the page as a small PNG and stays nowhere.
let pad = null;

function signaturePad() {
  if (pad) return pad;
  pad = document.createElement("canvas");
  pad.width = 720;
  pad.height = 240;
  pad.id = "pad";
  pad.setAttribute("role", "img");
  const pen = pad.getContext("2d");
  pen.lineWidth = 4;
  pen.lineCap = "round";
  let drawing = false;
  const at = (event) => {
    const box = pad.getBoundingClientRect();
    return [(event.clientX - box.left) * pad.width / box.width, (event.clientY - box.top) * pad.height / box.height];
  };
  pad.addEventListener("pointerdown", (event) => { drawing = true; pad.setPointerCapture(event.pointerId); pen.beginPath(); pen.moveTo(...at(event)); });
  pad.addEventListener("pointermove", (event) => { if (drawing) { pen.lineTo(...at(event)); pen.stroke(); pad.dataset.drawn = "yes"; } });
  pad.addEventListener("pointerup", () => { drawing = false; });
  return pad;
}

function signerChoice() {
  const label = document.createElement("label");
  const select = document.createElement("select");
  select.id = "signer";
  const kept = byId("signer")?.value;
  for (const [relation, title] of [["self", null], ...Object.entries(page.relations)]) {
    const option = document.createElement("option");
    option.value = relation;
    option.textContent = title ? title[language] : say("self");
    select.append(option);
  }
  if (kept) select.value = kept;
  label.append(say("signer"), select);
  return label;
}

function clearPad() {
  pad?.getContext("2d").clearRect(0, 0, pad.width, pad.height);
  if (pad) delete pad.dataset.drawn;
  return null;
}

function sendSignature() {
  if (!pad?.dataset.drawn) return "png_is_missing_or_too_large";
  const relation = byId("signer").value;
  const who = relation === "self" ? { by: "subject" } : { by: "delegate", relation };
  return touch("sign", { ...who, png: pad.toDataURL("image/png").split(",")[1] });
}

function bodyFor() {
  const body = byId("body");
  body.replaceChildren();
  if (view.step === "idle") {
    const label = document.createElement("label");
    const span = document.createElement("span");
    span.textContent = say("visit");
    const input = document.createElement("input");
    input.id = "visit";
    input.autocomplete = "off";
    label.append(span, input);
    body.append(label);
    for (const [what, many] of [["parked", view.parked], ["owed", view.owed]]) {
      if (!many.length) continue;
      const line = document.createElement("p");
      line.textContent = `${say(what)}: ${many.map((one) => one.visit).join(", ")}`;
      body.append(line);
    }
  } else if (view.step === "sign") {
    body.append(signaturePad(), signerChoice());
  } else if (view.step === "notice") {
    body.textContent = `${page.notice[language]}\n${page.consent[language]}`;
  } else if (view.document) {
    const list = document.createElement("dl");
    for (const key of ["name", "number"]) {
      const term = document.createElement("dt");
      term.textContent = say(key);
      const value = document.createElement("dd");
      value.textContent = view.document[key];
      list.append(term, value);
    }
    for (const finding of view.findings) {
      const value = document.createElement("dd");
      value.textContent = `△ ${explain(finding)}`;
      list.append(document.createElement("dt"), value);
    }
    body.append(list);
  }
  if (view.trouble === "phone_missing") {
    const label = document.createElement("label");
    const input = document.createElement("input");
    input.id = "phone";
    input.type = "tel";
    input.autocomplete = "off";
    label.append(say("phone"), input);
    body.append(label);
  }
  if (view.decision) {
    const line = document.createElement("p");
    line.textContent = `${say(view.decision.outcome)} · ${view.decision.reason} · ${view.decision.confirmed.length}/${view.decision.needed} ${say("confirmed")} ${view.decision.confirmed.join(", ")}`;
    body.append(line);
  }
  if (view.seq) {
    const line = document.createElement("p");
    line.textContent = `${say("recorded")} ${view.seq}`;
    body.append(line);
  }
}

function draw() {
  if (!view) return;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  const title = byId("title");
  title.textContent = view.step === "done" ? say(view.outcome) : say(view.step);
  title.className = view.step === "done" ? view.outcome : "";
  byId("place").textContent = `${page.checkpoints[view.checkpoint ?? page.checkpoint]} · ${page.unit}${view.drill ? ` · ${say("drill")}` : ""}`;
  const room = view.storage && view.storage.state !== "ok" ? ` · ${say(`storage_${view.storage.state}`)} ${view.storage.days_left} ${say("days")}` : "";
  const lost = view.devices.map((name) => ` · △ ${name.split(":").map((part) => devices[language][part] ?? part).join(language === "zh" ? "：" : ": ")}`).join("");
  byId("line").textContent = (view.online ? `● ${say("online")}` : `○ ${say("offline")} ${view.waiting}`) + room + lost;
  byId("trouble").textContent = explain(view.trouble);
  byId("emergency").textContent = say("emergency_touch");
  byId("language").textContent = say("english");
  bodyFor();
  byId("touches").replaceChildren(...(touchesFor[view.step]?.() ?? []));
}

byId("emergency").addEventListener("click", () => touch("emergency"));
byId("language").addEventListener("click", () => { language = language === "zh" ? "en" : "zh"; draw(); });
const stream = new EventSource("/views");
stream.onmessage = (message) => {
  const before = view?.step;
  view = JSON.parse(message.data);
  if (before !== view.step) {
    closeForm();
    if (before === "sign") { clearPad(); pad = null; }
  }
  draw();
};
