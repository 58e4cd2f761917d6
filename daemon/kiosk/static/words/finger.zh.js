// Fingers and slips, in Chinese; one line a word.
export const words = {
  use_finger: "改用指纹",
  finger_consent: "是否同意采集指纹？",
  finger_agree: "同意采集指纹",
  slip_scan: "请扫描您的指纹凭条",
  slip_scan_hint: "没有凭条，请选择其他方式",
  slip: "指纹凭条二维码",
  slip_written: "请收好指纹凭条",
  slip_keep: "有效期至 {0}，下次核验时带来",
  slip_taken: "已收好",
  enrol_hint: "核验已通过，登记与否都不影响",
  enrol_agree: "同意登记指纹",
  enrol_not: "不登记，继续",
  not_enrolled: "没有登记指纹",
  not_enrolled_hint: "不影响本次核验，以后可用人脸或证件",
};

export const troubles = {
  finger_lay: "请将手指平放在指纹仪上",
  finger_too_dry: "手指太干，请呵一口气再按",
  finger_too_wet: "手指太湿，请擦干再按",
  finger_moved: "请按住不动",
  finger_partial: "请将整个指腹平放；有伤口请换另一手指",
  finger_lift: "请抬起手指，再按一次",
  finger_once_more: "请抬起，再按同一手指",
  finger_differs: "两次不是同一手指，请用同一手指",
  finger_none: "没有检测到手指，请按指纹",
  finger_slip_needed: "请扫描指纹凭条，或选择其他方式",
  finger_no_reference: "没有可比对的指纹，请用其他方式",
  finger_not_comparable: "指纹仪无法比对此指纹，请用其他方式",
  finger_not_enrolled: "无法写成凭条，不影响本次核验",
  given_up: "没有登记指纹",
  slip_unreadable: "这不是指纹凭条，请扫描凭条上的二维码",
  slip_truncated: "没有扫完整，请展平凭条再扫一次",
  slip_future_version: "凭条由新版设备制作，本机读不了，请用其他方式",
  slip_foreign_site: "这是其他医院的凭条，请用其他方式，可在本院重新登记",
  slip_forged: "凭条不是本院设备制作，请工作人员留下凭条并核对证件",
  slip_expired: "凭条已过期，请用其他方式，可重新登记",
  slip_key_retired: "凭条的密钥已停用，请用其他方式，可重新登记",
  slip_other_person: "凭条属于另一张证件，请出示本人凭条或用其他方式",
  slip_needs_card: "请先读取身份证，再扫描凭条",
  slip_no_keys: "本机不能读指纹凭条，请用其他方式",
  no_slip: "凭条已不在本机，请重新登记",
};

export const devices = {
  fingerprint: "指纹仪",
};
