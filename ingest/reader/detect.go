package reader

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/traditionalchinese"
)

// Encodings are told apart by two things: whether the bytes are valid, and whether the characters that come out are
// the ones people use. Wrongly decoded Chinese is valid surprisingly often, but it is made of characters nobody writes.
// Where two readings are both believable the file is refused: a wrong guess would be mojibake in the lake for ever.

// common holds the hanzi of everyday and hospital text; half of any real text is made of them.
const common = "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心多天而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少关并内加化由代军产入先山五太水万市眼体别处总才场师书比住员九性通目华报立马命张活难神数件安表原车白应路期死常提感金何更反合放做系计或司利受光王果亲界及今京务制解各任至清物台记边共风接它许八特觉直服毛林题建南度统色字请交爱认算论百义科元社术结六功指思非流每青管夫连远资队带花条院变联言权往展该领传近留红治决周保达办运武半候七必城父强步完革深区即求品士转量空众技轻程告江语英基派满式李息写识极令黄德收钱未持取设始双历越史商千片容研友孩站广改议形委早房音火际则首单据导影失网香专石弟谁校读志飞观究包组造落视济喜离切急" +
	"医病诊断患费药剂检查护床号编码称男岁职居险销筹县街卫务镇乡村胶囊注射液糖尿血压肺炎癌肿瘤骨折妇婴疗症伤腹胸腰脑胃肠肝肾胆脾皮肤耳鼻喉眼内外儿膜腺慢痛炎感染良恶节脉动静支管低功能障碍省州族汉婚未已籍亡死归供采购厂牌规格库存退批准注册额元份次天" +
	"刘陈杨赵吴徐孙朱胡郭梁谢宋郑韩唐冯董萧曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田姜范方石姚谭廖邹熊陆郝孔崔康邱秦顾侯邵孟龙段雷钱汤尹黎易常武乔贺赖龚伟芳娜秀敏静丽磊洋勇艳杰娟涛超兰霞刚桂玉梅鹏辉斌波宁欣雪琴云玲婷浩宇俊峰"

// commonTraditional is what Big5 text is made of.
const commonTraditional = "的一是不了在人有我他這中大來上國個到說們為子和你地出道也時年得就那要下以生會自著去之過家學對可她里後小麼心多天而能好都然沒日於起還發成事只作當想看文無開手十用主行方又如前所本見經頭面公同三已老從動兩長知民樣現分將外但身些與高意進把法此實回二理美點月明其種聲全工己話兒者向情部正名定女問力機給等幾很業最間新什打便位因重被走電四第門相次東政海口使教西再平真聽世氣信北少關並內加化由代軍產入先山五太水萬市眼體別處總才場師書比住員九性通目華報立馬命張活難神數件安表原車白應路期死常提感金何更反合放做系計或司利受光王果親界及今京務制解各任至清物台記邊共風醫院病診斷科患費藥劑量檢查術護床號編碼稱男歲職居險結算統縣區街衛服鎮鄉片膠囊注射液"

var commonSet, commonTraditionalSet = runeSet(common), runeSet(commonTraditional)

func runeSet(s string) map[rune]bool {
	set := make(map[rune]bool, utf8.RuneCountInString(s))
	for _, r := range s {
		set[r] = true
	}
	return set
}

// score is how believable one reading of a sample is.
type score struct {
	chars   int // characters outside ASCII
	invalid int // bytes that the encoding does not have
	usual   int // characters of the part of the code table where everyday ones lie
	common  int // characters of the list above
}

func (s score) valid() bool { return s.chars > 0 && s.invalid*10 <= s.chars }

// detect names the encoding of a sample that begins with a byte ≥ 0x80 and is no UTF-16. whole says that the sample
// runs to the end of the file. Where there is no one answer, candidates lists what it could be.
func detect(sample []byte, whole bool) (name string, candidates []string) {
	u, three := scoreUTF8(sample, whole)
	gb, big := scoreGB(sample, whole), scoreBig5(sample, whole)
	gbLikely := gb.valid() && gb.usual*10 >= gb.chars*7 && gb.common*4 >= gb.chars
	bigLikely := big.valid() && big.usual*10 >= big.chars*7 && big.common*4 >= big.chars
	if gbLikely && bigLikely { // nearly all GB2312 text is also valid Big5: the usual characters decide
		switch {
		case gb.common*2 >= big.common*3:
			bigLikely = false
		case big.common*2 >= gb.common*3:
			gbLikely = false
		}
	}
	switch {
	case u.invalid == 0 && three > 0:
		return "utf-8", nil // sequences of three bytes do not come about by chance
	case u.invalid == 0 && (!gbLikely || u.chars >= 20):
		return "utf-8", nil
	case u.invalid == 0:
		return "", []string{"utf-8", "gb18030"}
	case three >= 4 && u.invalid*4 <= u.chars:
		return "utf-8", nil // UTF-8 with a few broken characters: their records are rejected
	case gbLikely && !bigLikely && (gb.chars >= 4 || gb.chars >= 2 && gb.common == gb.chars):
		return "gb18030", nil
	case bigLikely && !gbLikely && big.chars >= 8:
		return "big5", nil
	}
	if gb.valid() {
		candidates = append(candidates, "gb18030")
	}
	if big.valid() {
		candidates = append(candidates, "big5")
	}
	if u.valid() {
		candidates = append(candidates, "utf-8")
	}
	return "", append(candidates, "windows-1252", "iso-8859-15")
}

func scoreUTF8(b []byte, whole bool) (s score, three int) {
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			if !whole && !utf8.FullRune(b[i:]) {
				break
			}
			s.invalid++
			i++
			continue
		}
		s.chars++
		if n > 2 {
			three++
		}
		i += n
	}
	return s, three
}

func scoreGB(b []byte, whole bool) (s score) {
	table := gbTable()
	for i := 0; i < len(b); {
		c := b[i]
		if c < utf8.RuneSelf {
			i++
			continue
		}
		if i+1 >= len(b) {
			if whole {
				s.invalid++
			}
			break
		}
		if d := b[i+1]; d >= '0' && d <= '9' && i+3 < len(b) && gbFour(b[i:]) != utf8.RuneError {
			s.chars++
			i += 4
			continue
		}
		r := table.pair(c, b[i+1])
		if r == utf8.RuneError {
			s.invalid++
			i++
			continue
		}
		s.chars++
		if trail := b[i+1]; trail >= 0xA1 && (c >= 0xB0 && c <= 0xD7 || c >= 0xA1 && c <= 0xA3) { // GB 2312 level 1, punctuation, full width
			s.usual++
			if c <= 0xA3 || commonSet[r] {
				s.common++
			}
		}
		i += 2
	}
	return s
}

func scoreBig5(b []byte, whole bool) (s score) {
	decoder := traditionalchinese.Big5.NewDecoder()
	var out [16]byte
	for i := 0; i < len(b); {
		c := b[i]
		if c < utf8.RuneSelf {
			i++
			continue
		}
		if i+1 >= len(b) {
			if whole {
				s.invalid++
			}
			break
		}
		decoder.Reset()
		n, _, err := decoder.Transform(out[:], b[i:i+2], true)
		r, size := utf8.DecodeRune(out[:n])
		if err != nil || r == utf8.RuneError || size != n {
			s.invalid++
			i++
			continue
		}
		s.chars++
		if c >= 0xA4 && c <= 0xC6 || c == 0xA1 { // Big5 level 1, punctuation
			s.usual++
			if commonTraditionalSet[r] {
				s.common++
			}
		}
		i += 2
	}
	return s
}

// marks are the byte order marks.
var marks = []struct {
	bytes, encoding string
}{
	{"\xEF\xBB\xBF", "utf-8"},
	{"\xFE\xFF", "utf-16be"},
	{"\xFF\xFE", "utf-16le"},
}

// detectUTF16 knows UTF-16 without a mark by the zero bytes of its ASCII characters: all on one side.
func detectUTF16(sample []byte) string {
	units := len(sample) / 2
	if units < 2 {
		return ""
	}
	var even, odd, lines int
	for i := 0; i+1 < len(sample); i += 2 {
		switch {
		case sample[i] == 0 && sample[i+1] != 0:
			even++
		case sample[i+1] == 0 && sample[i] != 0:
			odd++
		}
		if binary.BigEndian.Uint16(sample[i:]) == '\n' || binary.LittleEndian.Uint16(sample[i:]) == '\n' {
			lines++
		}
	}
	switch {
	case odd*5 >= units && even*50 <= odd && (lines > 0 || odd > units/2):
		return "utf-16le"
	case even*5 >= units && odd*50 <= even && (lines > 0 || even > units/2):
		return "utf-16be"
	}
	return ""
}

// signatures are the first bytes of files that are no text at all.
var signatures = []struct{ magic, what string }{
	{"\x1f\x8b", "gzip (.gz)"},
	{"\xfd7zXZ\x00", "xz (.xz)"},
	{"PK\x03\x04", "zip (.zip / .xlsx)"},
	{"PK\x05\x06", "zip (.zip)"},
	{"BZh", "bzip2 (.bz2)"},
	{"\x28\xb5\x2f\xfd", "zstd (.zst)"},
	{"7z\xbc\xaf\x27\x1c", "7-Zip (.7z)"},
	{"Rar!\x1a\x07", "RAR (.rar)"},
	{"PAR1", "Parquet"},
	{"%PDF-", "PDF"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Excel / Word 97 (.xls, .doc)"},
	{"SQLite format 3\x00", "SQLite"},
	{"\x89PNG\r\n", "PNG"},
	{"\xff\xd8\xff", "JPEG"},
	{"\x7fELF", "ELF"},
	{"MZ\x90\x00", "EXE"},
}

// junk refuses what is no text: known signatures, or too many control bytes.
func junk(name string, sample []byte) error {
	for _, s := range signatures {
		if bytes.HasPrefix(sample, []byte(s.magic)) {
			return refuse(name, FaultBinary, nil,
				fmt.Sprintf("这是 %s 文件，不是文本；请检查扩展名与来源文件的 format", s.what),
				fmt.Sprintf("this is a %s file, not text; check its suffix and the format in the source file", s.what))
		}
	}
	control := 0
	head := sample[:min(len(sample), 8192)]
	for _, c := range head {
		if c < 0x20 && (c < '\t' || c > '\r') && c != 0 && c != 0x1a && c != 0x1b && c > 0x04 && (c < 0x1c || c > 0x1f) { // 0x01–0x04, 0x1c–0x1f serve as delimiters
			control++
		}
	}
	if zeros := bytes.Count(head, []byte{0}); control*10 > len(head) || zeros*4 > len(head) {
		return refuse(name, FaultBinary, nil, "不是文本文件（大量控制字节）；请重新导出", "not a text file (many control bytes); export it again")
	}
	return nil
}

// page refuses a web page that was saved under an extract's name: a portal's login or error page.
func page(name string, text []byte) error {
	head := bytes.ToLower(bytes.TrimLeft(text[:min(len(text), 2048)], " \t\r\n\ufeff"))
	html := bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html")) || bytes.HasPrefix(head, []byte("<head")) ||
		bytes.HasPrefix(head, []byte("<body")) || bytes.HasPrefix(head, []byte("<script"))
	if !html && (bytes.HasPrefix(head, []byte("<?xml")) || bytes.HasPrefix(head, []byte("<!--"))) {
		html = bytes.Contains(head, []byte("<html"))
	}
	if html {
		return refuse(name, FaultHTML, nil, "内容是网页（HTML）而不是数据，可能存下了登录页或报错页；请重新下载",
			"the content is a web page (HTML), not data: probably a login or error page was saved; download it again")
	}
	return nil
}

// ambiguous refuses a file whose encoding is not certain.
func ambiguous(name string, candidates []string) error {
	list := strings.Join(candidates, ", ")
	return refuse(name, FaultAmbiguous, nil,
		fmt.Sprintf("无法确定编码，可能是 %s；请在来源文件中声明，例如 encoding: %s", list, candidates[0]),
		fmt.Sprintf("the encoding is not certain, it could be %s; declare it in the source file, e.g. encoding: %s", list, candidates[0]))
}
