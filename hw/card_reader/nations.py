"""Code tables printed on the card: nationality of citizens (GB/T 3304) and sex (GB/T 2261.1)."""

from __future__ import annotations

from enum import Enum, unique
from types import MappingProxyType

_NAMES = (
    "汉 蒙古 回 藏 维吾尔 苗 彝 壮 布依 朝鲜 满 侗 瑶 白 土家 哈尼 哈萨克 傣 黎 傈僳 佤 畲 高山 拉祜 水 东乡 纳西 "
    "景颇 柯尔克孜 土 达斡尔 仫佬 羌 布朗 撒拉 毛南 仡佬 锡伯 阿昌 普米 塔吉克 怒 乌孜别克 俄罗斯 鄂温克 德昂 "
    "保安 裕固 京 塔塔尔 独龙 鄂伦春 赫哲 门巴 珞巴 基诺"
)

NATIONS = MappingProxyType(
    {f"{code:02d}": name for code, name in enumerate(_NAMES.split(), start=1)}
    # 57 and 97 both mean "other"; 81 and 83 are peoples whose recognition is pending; 98 is a naturalised foreigner.
    | {"57": "其他", "81": "穿青人", "83": "革家人", "97": "其他", "98": "外国血统"}
)
"""Two-digit code to name, without the final 族."""


@unique
class Sex(Enum):
    """Sex as coded on the card (GB/T 2261.1); the label is what screens and forms say."""

    UNKNOWN = "0"
    MALE = "1"
    FEMALE = "2"
    NOT_STATED = "9"

    @property
    def label(self) -> str:
        """The word on screens and forms."""
        return {"0": "未知", "1": "男", "2": "女", "9": "未说明"}[self.value]
