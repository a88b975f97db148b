"""Writes labelled texts for core/privacy: personal data and secrets in sentences, and what only looks like them.

Run: python test/parity/privacy.py test/fixtures/privacy.json [seed [scale]]
Made with python-stdnum 2.2, phonenumbers 9.0.43 and faker 40.63.0, which make or check every number here; seed 1, scale 1.
All data is invented. A broken bar in a text is to be removed: it keeps made-up keys from being taken for live ones.
"""

import base64
import hashlib
import ipaddress
import json
import random
import re
import string
import sys
import uuid
from pathlib import Path

import phonenumbers
import stdnum.bitcoin
import stdnum.iban
from faker import Faker
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from stdnum import luhn
from stdnum.cn import ric
from stdnum.de import idnr
from stdnum.gb import nhs
from stdnum.iso7064 import mod_11_10
from stdnum.us import ssn

seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
scale = int(sys.argv[3]) if len(sys.argv) > 3 else 1
rng = random.Random(seed)
fakers = {}
texts = []

LETTERS, DIGITS = string.ascii_letters, string.digits
ALNUM, HEX, B64URL = LETTERS + DIGITS, "0123456789abcdef", LETTERS + DIGITS + "_-"


def fake(locale):
    if locale not in fakers:
        fakers[locale] = Faker(locale)
        fakers[locale].seed_instance(seed)
    return fakers[locale]


def chars(alphabet, count):
    return "".join(rng.choice(alphabet) for _ in range(count))


def digits(count):
    return chars(DIGITS, count)


def mixed(alphabet, count):
    """Random, with all of small letters, capitals and digits as far as the alphabet has them."""
    kinds = [kind for kind in (string.ascii_lowercase, string.ascii_uppercase, DIGITS) if set(kind) & set(alphabet)]
    while True:
        value = chars(alphabet, count)
        if all(set(kind) & set(value) for kind in kinds):
            return value


def found(kind, template, value, more=()):
    """`more` are findings besides the one in the place of the braces."""
    if kind in ("secret", "credentials") and "¦" not in value:
        value = value[:2] + "¦" + value[2:]
    texts.append(dict(text=template.replace("{}", value), found=[dict(kind=kind, value=value), *more]))


def nothing(what, text):
    texts.append(dict(text=text, found=[], looksLike=what))


def spread(kind, templates, values):
    """Each value in one template, each template at least once."""
    values = list(values)
    count = max(len(values), len(templates))
    for index in range(count):
        found(kind, templates[index % len(templates)], values[index % len(values)])


# --- e-mail

EMAIL = [
    "Please write to {} before Friday.", "From: Ada Example <{}>", "Meine Adresse ist {}, danke!", "Contact:{}",
    "Mon courriel est {}. À bientôt", "mi correo: {}", "请发邮件到{}，谢谢。", "連絡先は{}です", "Пишите на {}!",
    '{"user": {"mail": "{}", "age": 31}}', "id,name,mail\n7,Ada,{}\n", "mailto:{}?subject=hi", "({})", "cc {}; bcc nobody",
    "2031-05-04T10:11:12Z INFO login user={} ok", "git config user.email '{}'", "Ara: {} adresine yaz", "<a href=\"x\">{}</a>",
    "Reply-To: \"Support\" <{}>", "you can reach me at {} or on the usual channel", "https://shop.example/unsubscribe?mail={}&ok=1",
    "اكتب إلى {} من فضلك", "Schreib an {}\nGruß", "user {} logged in from the office", "E-Mail: {}.",
]


def emails(count):
    for index in range(count):
        person = fake(["en_US", "de_DE", "fr_FR", "es_ES", "pl_PL", "it_IT"][index % 6])
        first, last = (re.sub(r"[^a-z]", "", name.lower()) for name in (person.first_name(), person.last_name()))
        domain = rng.choice(
            "example.com example.org example.net mail.example.com example.co.uk example.de example.fr firma.example.io "
            "post.example.museum dept.uni.example.edu x-y.example.com sub1.sub2.example.info example.technology".split()
        )
        local = rng.choice(
            [f"{first}.{last}", f"{first}{last[:1]}{digits(2)}", f"{first}_{last}", f"{first}+{chars(HEX, 4)}", first[:1] + last,
             f"{first}-{last}.x", first.upper() + "." + last.upper(), f"{first}.o'{last}", f"{digits(6)}", f"{first}%{last}"]
        )
        yield f"{local}@{domain}"


spread("email", EMAIL, [*emails(34 * scale), "jürgen.groß@beispiel.example", "иван@пример.рф", "info@例子.中国",
                        "ada@xn--fiq228c.example", "renée@example.fr", "ada@ＥＸＡＭＰＬＥ.com", "ａｄａ@example.com"])
for text in [
    "decorate with @property and @app.route('/x')", "git clone git@github.example:team/repo.git", "npm i left-pad@1.3.0 lodash@4.17.21",
    "the icon@2x.png and logo@3x.webp files", "follow @ada and @grace on the site", "meet @ 10am at the cafe", "y = x@w.transpose()",
    "C = A @ B.T", "user@localhost works here", "ssh -T git@gitlab.example", "@media (max-width: 600px)", "foo@bar", "price 3 @ 4.50 each",
    "docker pull registry.example/app@sha256:" + chars(HEX, 64), "a @ b . c", "@types/node@20.1.0", "import x from '@scope/pkg.js'", "weights@layer.weight",
]:
    nothing("e-mail", text)

# --- cards

CARD = [
    "My card number is {}, please charge it.", "Karte {} bitte belasten", "carte bancaire {} merci", "tarjeta: {}", "pay with {} today",
    "信用卡{}，有效期12/31", "カード番号は{}です", '{"pan":"{}","exp":"12/31"}', "{}", "Visa {} exp 12/31 cvv 123", "4 items, card {}",
    "INFO payment accepted pan={} amount=12.50", "номер карты {}", "id;card\n9;{}\n", "it was ({}), I think", "use {}.", "card:{}\nname: Ada",
    "Kartennummer {} - gültig bis 10/31", "the digits are {} and the name is Ada", "numero carta {}", "«{}»", "#{} was declined", "7,{},12\n",
]
ISSUERS = [("411111", 16), ("455673", 16), ("510510", 16), ("555544", 16), ("222300", 16), ("271999", 16), ("378282", 15), ("341111", 15),
           ("601111", 16), ("644900", 16), ("305693", 14), ("362272", 14), ("353011", 16), ("620000", 16), ("620000", 19), ("675964", 16), ("220138", 16)]
LAYOUTS = {16: [4, 4, 4, 4], 15: [4, 6, 5], 14: [4, 6, 4], 19: [4, 4, 4, 4, 3]}


def luhn_number(prefix, length):
    body = prefix + digits(length - len(prefix) - 1)
    return body + luhn.calc_check_digit(body)


def grouped(number, sizes, gap):
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at:at + size])
        at += size
    return gap.join(parts)


def cards(count):
    for index in range(count):
        prefix, length = ISSUERS[index % len(ISSUERS)]
        number = luhn_number(prefix, length)
        assert luhn.is_valid(number)
        style = index % 5
        yield number if style < 2 else grouped(number, LAYOUTS[length], [" ", "-", ".", " "][style - 2])


FULL_WIDTH = str.maketrans(DIGITS, "０１２３４５６７８９")
ARABIC = str.maketrans(DIGITS, "٠١٢٣٤٥٦٧٨٩")


def disguised(number):
    """Ways in which a number copied from a page or typed on a foreign keyboard is written."""
    four = [number[i:i + 4] for i in range(0, len(number), 4)]
    return [number.translate(FULL_WIDTH), "\u00a0".join(four), "\u2011".join(four), "\u200b".join(four), "\u202f".join(four),
            number.translate(ARABIC), "\u2013".join(four), "\u2060".join(number), "\u3000".join(part.translate(FULL_WIDTH) for part in four)]


spread("card", CARD, [*cards(40 * scale), *disguised(luhn_number("411111", 16)), *disguised(luhn_number("555555", 16))])


def broken(number):
    """One digit off: no Luhn number stays one."""
    at = rng.randrange(len(number))
    return number[:at] + str((int(number[at]) + rng.randrange(1, 10)) % 10) + number[at + 1:]


for index in range(24 * scale):
    number = broken(luhn_number(*ISSUERS[index % len(ISSUERS)]))
    if not luhn.is_valid(number):
        length = len(number)
        nothing("card without its check digit", CARD[index % len(CARD)].replace("{}", number if index % 2 else grouped(number, LAYOUTS[length], " ")))
for text in ["order 1234567890123456 shipped", "timestamp 1893456000000000 us", "0.4111111111111111 is not much", "pi is 3.14159265358979323846",
             "row 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "bytes 4096 8192 16384 32768", "EAN 4006381333931", "ISBN 978-3-16-148410-0",
             "id 1212092628029698048", "batch20310504123456789", "1 + 2 = 3, 4111 + 1111 = 5222", "9007199254740993 is odd", "tracking 1Z999AA10123456784",
             "uuid 41d4a716-4466-4111-8111-111111111111", "seq 4111_1111_1111_1111_x"]:
    nothing("card", text)

# --- IBAN

IBAN = [
    "Please transfer to {} today.", "IBAN: {}", "Bitte auf {} überweisen", "virement sur {} svp", "cuenta {} por favor", "请汇款到{}。", "口座は{}",
    '{"iban":"{}"}', "{}", "acct {}, BIC EXAMPLEX", "mój numer konta to {}", "счёт {}", "amount;iban\n10;{}\n", "({})", "to: {}\nfrom: me", "It is {}!",
]
BBAN = re.compile(r"(\d+)!([nac])")
IBAN_STRUCTURES = re.findall(
    r'^(\w\w) .*?bban="(.*?)"', (Path(stdnum.iban.__file__).parent / "iban.dat").read_text(), re.MULTILINE)


def ibans():
    for country, structure in IBAN_STRUCTURES:
        alphabet = {"n": DIGITS, "a": string.ascii_uppercase, "c": DIGITS + string.ascii_uppercase}
        body = "".join(chars(alphabet[kind], int(size)) for size, kind in BBAN.findall(structure))
        check = stdnum.iban.calc_check_digits(country + "00" + body)
        number = country + check + body
        assert stdnum.iban.is_valid(number, check_country=False), number
        yield number


def iban_writings(numbers):
    for index, number in enumerate(numbers):
        spaced = " ".join(number[i:i + 4] for i in range(0, len(number), 4))
        yield [number, spaced, spaced, number.lower(), spaced.replace(" ", "-")][index % 5]


for _ in range(scale):
    spread("iban", IBAN, iban_writings(ibans()))
german = "DE" + stdnum.iban.calc_check_digits("DE00500105170123456789") + "500105170123456789"
spread("iban", IBAN[:1], ["DE" + form for form in disguised(german[2:])])
for index, number in enumerate(list(ibans())[::4]):
    other = number[:-1] + str((int(number[-1]) + 1) % 10) if number[-1].isdigit() else number[:-1] + "0"
    if not stdnum.iban.is_valid(other, check_country=False):
        nothing("IBAN without its check digits", IBAN[index % len(IBAN)].replace("{}", other))
for text in ["GB12 is a code, as is DE34", "part FR76-1234", "ISO-8859-1 or DIN EN 60601", "flight LH89 3704 at gate 44", "in 12 3456 cases", "CH10 slide deck"]:
    nothing("IBAN", text)

# --- phones

PHONE = [
    "Call me at {} tomorrow.", "Tel: {}", "Meine Nummer ist {}, Handy", "Telefon {}", "appelez-moi au {} svp", "mi teléfono es {}", "我的电话是{}，谢谢",
    "電話は{}です", "Мой телефон {}", '{"phone":"{}"}', "name,phone\nAda,{}\n", "WhatsApp {} any time", "Fax {}", "il mio cellulare: {}", "tel. {}",
    "Phone number: {}.", "mobile ({})", "telefone {} (manhã)", "Telefoon: {}", "numer telefonu {}", "contact_phone={}", "text me on {}!",
]
PLAIN = ["{}", "write to {} today", "Ada, {}, Paris", "see {} for more", "- {}\n- no", "7,{},12\n", "Ada Example | {} | Berlin", "Grüße, Ada\n{}"]
REGIONS = ("US GB DE FR ES IT PT NL BE CH AT PL CZ SE NO DK FI IE RU UA TR IL AE SA EG ZA NG KE IN PK BD CN HK TW JP KR SG MY TH VN ID PH AU NZ BR "
           "MX AR CL CO PE CA GR RO HU BG HR RS SK SI LT LV EE IS LU MT CY KZ GE MA").split()


def examples():
    for region in REGIONS:
        for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE):
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                yield region, number


all_examples = list(examples())
for index, (region, number) in enumerate(all_examples):
    international = [PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164][index % 2]
    found("phone", (PHONE + PLAIN)[index % (len(PHONE) + len(PLAIN))], phonenumbers.format_number(number, international))
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    if len(re.sub(r"\D", "", national)) >= 7:
        found("phone", PHONE[index % len(PHONE)], national)
STRONG = ["(212) 555-0142", "212-555-0187", "1-212-555-0101", "415.555.0133", "020 7946 0321", "01 99 00 12 34", "030 23125 123", "(020) 7946 0018",
          "0161 496 0345", "(11) 91234-5678", "138 0013 8000", "139-1234-5678", "0049 30 23125 456", "00 44 20 7946 0123", "+44 (0)20 7946 0456",
          "+1 (212) 555-0119", "+49 (0) 30 23125-789", "+49/30/23125111", "+33 1 99 00 55 66", "0171/1234567", "(02) 5550 1234", "03-1234-5678"]
spread("phone", PLAIN, STRONG)
spread("phone", ["我的手机{}", "加我{}好吗", "{}是我的号", "请打{}"], ["13800138000", "18612345678", "１３９１２３４５６７８", "15912345678"])
spread("phone", PHONE[:3], ["+1\u00a0212\u00a0555\u00a00177", "＋44 20 7946 0999", "+49\u201130\u201123125\u2011321", "+١ ٢١٢ ٥٥٥ ٠١٢٣",
                            "+1 212\u200b555\u200b0166", "\uff0b\uff11 \uff12\uff11\uff12 \uff15\uff15\uff15 \uff10\uff11\uff15\uff15"])
spread("phone", PHONE[:2], ["555-0142", "(212) 555-0142 ext. 77", "+1 212 555 0142 x9", "7946 0123", "23125-123"])
for text in ["on 2031-05-04 and 04.05.2031", "05/04/2031 at 10:30", "version 10.15.7 build 19042", "release 2.0.0-rc.1.4567890", "1,234,567.89 USD", "1.299.000 EUR",
             "from 1990-2000 and 2010 2020", "order 212-555-0142-7788", "ISBN 0-306-40615-2", "pages 1234-5678", "12345678 rows", "id 5551234567", "range 100-200-300",
             "2031 05 04 12 30", "lat 48.8566, lon 2.3522", "48.856613 2.352222", "port 8080 pid 123456", "ticket 0123-456789", "Article 0171 234567 B",
             "3.1415926535", "1 000 000 people", "12 345 678 EUR", "the year 2031", "1234567890", "0123456789abcdef", "error 0x80070005", "scores 10-7 9-11 11-8",
             "2 + 3 + 1234567", "a=+1234567", "10.1000/182 doi", "RFC 2616 3986 7231", "room 212-555", "call 911 now", "in 1999 1234 people called", "tel aviv 2031 1500",
             "phone released 2031-05-04", "hotel 12 1500 rooms", "the phone costs 1.299.000 VND", "IMEI 490154203237518", "VAT 123 456 789", "sudoku 123-456-789", "x^2 - 4567890",
             "commit 1234567", "订单号 13800138000123", "价格 1380013800 元", "order no. 0171 1234567", "Bestellnummer 030 1234567", "112-1234567-1234567",
             "08:30 09:15 10:00", "temperature -12.345678", "loss 0.1234567 at step 1000000", "telemetry 1234567 events"]:
    nothing("phone", text)

# --- national numbers

SSN = ["My SSN is {}.", "social security number {}", "ssn={}", '{"ssn":"{}"}', "SSN: {}, thanks", "{}", "id {} on file", "name;ssn\nAda;{}\n", "(SSN {})", "His number, {}, is known", "7,{},12\n"]


def ssns(count):
    for _ in range(count):
        number = fake("en_US").ssn()
        if ssn.is_valid(number):
            yield number


spread("ssn", SSN, ssns(30 * scale))
spread("ssn", SSN[:5], [number.replace("-", " ") for number in ssns(3 * scale)] + [number.replace("-", "") for number in ssns(3 * scale)]
       + [number.replace("-", "\u2011") for number in ssns(2 * scale)])
for text in ["000-12-3456", "666-12-3456", "912-34-5678", "123-00-4567", "123-45-0000", "078-05-1120 was printed on a card", "part 123-45-67890", "123-456-78", "1123-45-6789",
             "SSN 000-12-3456 is invalid", "2031-12-3456 order", "123 45 6789 apples", "12-34-5678", "123-45-6789-01"]:
    nothing("SSN", text)

RESIDENT = ["身份证号{}。", "我的身份证：{}", "ID number {} please", '{"id_card":"{}"}', "姓名,证件\n某人,{}\n", "{}", "证件号码为{}，请核对", "身分證 {} 。"]


def residents(count):
    while count:
        number = fake("zh_CN").ssn(18)
        try:
            valid = ric.is_valid(number)
        except KeyError:  # a province without counties in stdnum's table
            continue
        if valid:
            count -= 1
            yield number


spread("resident-id", RESIDENT, residents(30 * scale))
spread("resident-id", RESIDENT, [number.translate(FULL_WIDTH) for number in residents(3)]
       + [" ".join([number[:6], number[6:14], number[14:]]) for number in residents(3)])
for index, number in enumerate(residents(12 * scale)):
    last = "0123456789X"[("0123456789X".index(number[-1]) + 1 + index % 10) % 11]
    nothing("resident id without its check digit", RESIDENT[index % len(RESIDENT)].replace("{}", number[:-1] + last))

NHS = ["NHS number {}.", "Patient, NHS no. {}, seen today", "nhs: {}", '{"nhs_number":"{}"}', "NHS {} (Ada)"]


def nhs_numbers():
    while True:
        number = digits(10)
        if nhs.is_valid(number) and number[0] != "0":
            yield number


numbers = nhs_numbers()
spread("nhs-number", NHS, [grouped(next(numbers), [3, 3, 4], ["", " ", "-"][index % 3]) for index in range(25 * scale)])
for index in range(10):
    number = broken(next(numbers))
    nothing("NHS number without its check digit", NHS[index % len(NHS)].replace("{}", grouped(number, [3, 3, 4], " " if index % 2 else "")))
nothing("NHS number without a word for it", f"value {next(numbers)} in the table")

TAX = ["Steuer-ID: {}", "Meine Steuer-ID lautet {}.", "IdNr {}", "Steueridentifikationsnummer {} bitte", '{"steuer_id":"{}"}', "tax id {} (Germany)"]


def tax_ids():
    while True:
        number = str(rng.randrange(1, 10)) + digits(9)
        number += mod_11_10.calc_check_digit(number)
        if idnr.is_valid(number):
            yield number


numbers = tax_ids()
spread("tax-id", TAX, [grouped(next(numbers), [2, 3, 3, 3], ["", " "][index % 2]) for index in range(25 * scale)])
for index in range(10):
    number = broken(next(numbers))
    if not idnr.is_valid(number):
        nothing("tax id without its check digit", TAX[index % len(TAX)].replace("{}", number))

# --- addresses of machines

IP = ["Blocked {} after 5 tries", "client={} status=200", "ssh root@{}", "from {} port 22", "连接{}失败", "Die IP {} ist gesperrt", "http://{}/index.html", '{"ip":"{}"}', "{} - - [04/May/2031] \"GET /\"",
      "server {}:8080 is down", "l'adresse {} répond", "ping {}", "X-Forwarded-For: {}, 10.0.0.1", "({})", "visitor {}.", "7,{},12\n"]


def public_v4(count):
    while count:
        address = ipaddress.IPv4Address(rng.getrandbits(32))
        if address.is_global and not address.is_multicast:
            count -= 1
            yield str(address)


def public_v6(count):
    for index in range(count):
        address = ipaddress.IPv6Address((0x2A000000 + rng.getrandbits(24) << 96) + (rng.getrandbits(64) if index % 2 else rng.getrandbits(16)))
        assert address.is_global
        yield [str(address), address.exploded, str(address).upper()][index % 3]


spread("ip", IP, public_v4(30 * scale))
for low, high in zip(public_v4(6), public_v4(6)):
    found("ip", "block {}-" + high + " now", low, [dict(kind="ip", value=high)])
spread("ip", [t for t in IP if "http" not in t and ":8080" not in t], public_v6(20 * scale))
for text in ["10.1.2.3 and 192.168.0.1", "127.0.0.1:3000", "172.16.5.4 172.31.255.1", "169.254.1.1", "100.64.3.2", "docs use 192.0.2.55, 198.51.100.7 and 203.0.113.9", "255.255.255.0", "0.0.0.0",
             "version 1.2.3.4", "v10.0.19.41", "Chrome/120.0.62.99 Safari", "section 4.3.2.1", "1.2.3.4.5", "256.1.1.1", "300.400.500.600", "224.0.0.251", "fe80::1ff:fe23:4567:890a", "::1", "2001:db8::1",
             "std::vector<int> a::b", "12:30:45", "fd12:3456:789a::1", "ff02::1", "release 8.4.2.17 notes", "oid 1.3.6.1", "firmware 93.184.21.6", "1.2.3", "0.1.2.3", "a::b::c", "dead:beef", "build 77.88.55.60-rc",
             "SNMP 1.3.6.1.4.1.311", "Kapitel 3.1.2.2", "§ 10.2.3.4", "3fff::1", "10:20:30:40:50:60:70", "Fig. 2.1.1.3"]:
    nothing("IP address", text)

MAC = ["device {} joined", "MAC: {}", "ether {} txqueuelen 1000", '{"mac":"{}"}', "MAC-Adresse {}", "({})", "设备{}已连接", "host ap0 {};"]
spread("mac", MAC, [[m, m.upper(), m.upper().replace(":", "-")][index % 3] for index, m in
                    enumerate(":".join(chars(HEX, 2) for _ in range(5)) + ":" + rng.choice(HEX) + rng.choice("abcdef") for _ in range(27 * scale))])
for text in ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "20-31-05-04-10-30", "SHA256 " + ":".join(chars(HEX, 2) for _ in range(32)), "10:20:30", "aa:bb:cc:dd:ee", "zz:11:22:33:44:55", "ab-cd-ef"]:
    nothing("MAC address", text)

# --- credentials in URLs

URLS = ["https://{}@intranet.example/path", "postgres://{}@db.example.com:5432/app", "DATABASE_URL=mysql://{}@localhost/x", "mongodb+srv://{}@cluster0.example.net/?w=1", "redis://{}@10.0.0.5:6379/0",
        "git clone https://{}@git.example/team/repo.git", "amqp://{}@mq.example/vhost", "proxy: http://{}@proxy.example:3128", "url is <ftp://{}@files.example/a>", '{"dsn":"https://{}@sentry.example/42"}']


def user_infos(count):
    for index in range(count):
        user = rng.choice(["admin", "app", "root", "svc-web", "ada", "x_user", ""]) if index % 9 else ""
        yield f"{user}:{rng.choice([mixed(ALNUM, 12), 'hunter' + digits(3), 's3cr3t!' + chars(ALNUM, 4), mixed(ALNUM, 10) + '@' + chars(ALNUM, 3), 'pa%40ss' + digits(2)])}"


spread("credentials", URLS, user_infos(30 * scale))
for text in ["https://example.com/a:b@c", "http://localhost:3000/@user", "ssh://git@git.example:22/x.git", "https://user@example.com/", "postgres://${DB_USER}:${DB_PASS}@db/app", "https://<user>:<password>@host/",
             "redis://:{{password}}@cache:6379", "http://example.com:8080/x?y=1", "https://medium.example/@ada/post-1", "file:///tmp/a:b", "mysql://user:****@db/app", "see http://[::1]:80/@x"]:
    nothing("URL with credentials", text)

# --- secrets with a form of their own

SECRET = ["here it is: {}", "export X={}", '{"value":"{}"}', "{}", "use `{}` please", "我的是{}。", "Ich habe {} benutzt,", "curl -H 'X: {}'", "conf:\n  k: {}\n", "({})", "TOKEN={}", "log line with {} inside"]


def b64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def jwt():
    header = b64url(json.dumps({"alg": rng.choice(["HS256", "RS256"]), "typ": "JWT"}).encode())
    return f"eyJ¦{header[3:]}.{b64url(json.dumps({'sub': digits(6), 'iat': 1893456000}).encode())}.{chars(B64URL, 43)}"


FORMS = {
    "AWS access key id": lambda: "AK¦IA" + chars(string.ascii_uppercase + "234567", 16),
    "AWS temporary key id": lambda: "AS¦IA" + chars(string.ascii_uppercase + "234567", 16),
    "GitHub classic": lambda: rng.choice(["gh¦p_", "gh¦o_", "gh¦s_", "gh¦u_", "gh¦r_"]) + mixed(ALNUM, 36),
    "GitHub fine-grained": lambda: "github¦_pat_" + mixed(ALNUM, 22) + "_" + mixed(ALNUM, 59),
    "GitLab": lambda: rng.choice(["gl¦pat-", "gl¦dt-", "gl¦rt-"]) + mixed(B64URL[:-2], 20),
    "Slack": lambda: f"xo¦x{rng.choice('bpars')}-{digits(12)}-{digits(12)}-{mixed(ALNUM, 24)}",
    "OpenAI": lambda: "s¦k-" + mixed(ALNUM, 48),
    "OpenAI project": lambda: "s¦k-proj-" + mixed(B64URL[:-1], 74),
    "Anthropic": lambda: "s¦k-ant-api03-" + mixed(B64URL, 93) + "AA",
    "Google": lambda: "AI¦za" + mixed(B64URL[:-2], 35),
    "Google OAuth": lambda: "GOC¦SPX-" + mixed(ALNUM, 28),
    "Stripe": lambda: rng.choice(["sk", "rk"]) + "_l¦ive_" + mixed(ALNUM, 24),
    "npm": lambda: "np¦m_" + mixed(ALNUM, 36),
    "PyPI": lambda: "py¦pi-AgEIcHlwaS5vcmc" + mixed(B64URL[:-2], 60),
    "Hugging Face": lambda: "h¦f_" + mixed(LETTERS, 34),
    "SendGrid": lambda: "S¦G." + mixed(B64URL[:-2], 22) + "." + mixed(B64URL[:-2], 43),
    "DigitalOcean": lambda: "do¦p_v1_" + mixed(HEX, 64),
    "Telegram": lambda: digits(9) + ":A¦A" + mixed(ALNUM, 33),
    "JSON web token": jwt,
}
for form, make in FORMS.items():
    for index in range(5 * scale):
        found("secret", SECRET[(len(texts) + index) % len(SECRET)], make())
for index, label in enumerate(["RSA ", "EC ", "OPENSSH ", "", "ENCRYPTED "] * scale):
    lines = "\n".join(chars(ALNUM + "+/", 64) for _ in range(4))
    key = f"-----BEGIN ¦{label}PRIVATE KEY-----\n{lines}\n-----END {label}PRIVATE KEY-----"
    found("secret", ["key:\n{}\n", "{}", '"k":"{}"', "Here is my key\n{}\nthanks", "{}\n"][index % 5], key if index % 5 != 2 else key.replace("\n", "\\n"))
for text in ["ghp_" + "x" * 36, "sk-learn-style-loading-indicator-item", "risk-taking-behaviour-in-young-adults-today", "npm_config_registry", "AKIAEXAMPLE", "AIza", "hf_hub_download and hf_transfer",
             "sk_live_", "xoxb-", "eyJ is {\" in base64", "eyJub3RhdG9rZW4iOjF9.eyJhIjoxfQ.", "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
             "the desk-side support team 24 hours", "pypi-server on port 8080", "glpat-", "task-2031-05-04-cleanup-old-files", "SG.1 and SG.2", "SK Telecom", "github_pattern_matching_is_a_thing_here_and_there",
             "class=\"sk-fading-circle sk-circle12-wrapper\"", "key-value", "secret_santa_list_of_names_for_2031", "mask-image-source-outset-property-2"]:
    nothing("key", text)

# --- secrets by name

ASSIGNED = ["password={}", "password: {}", 'password = "{}"', "DB_PASSWORD={}", '{"password": "{}"}', "pwd: {}", "My password is {}", "Passwort: {}", "mot de passe : {}", "la contraseña es {}", "пароль: {}",
            "密码是{}", "密码：{}", "パスワード：{}", "Server=db;User Id=sa;Password={};Timeout=30", "passwd='{}'", "login ada password {}".replace("password ", "password: "), "?user=ada&password={}&x=1", "senha: {}",
            "Das Passwort lautet {}.", "my wifi passphrase: {}", "PASSWORD: '{}'"]
spread("secret", ASSIGNED, [rng.choice([f"{chars(LETTERS, 6)}{digits(3)}", f"Tr0ub4dor&{digits(1)}", f"{mixed(ALNUM, 10)}!", f"{mixed(ALNUM, 14)}", f"hunter{digits(2)}", f"S0mmer{digits(4)}"]) for _ in range(33 * scale)])
KEYED = ["api_key={}", 'apiKey: "{}"', "API-KEY: {}", "client_secret = '{}'", "secret={}", 'token: "{}"', "ACCESS_TOKEN={}", "access_key = {}", '"auth_token": "{}",', "X-Api-Key: {}", "AccountKey={}", "refresh_token={}&grant_type=x",
         "private_key: {}", "encryption-key: {}", "const token = '{}';", "WEBHOOK_SECRET={}", "密钥：{}", "aws_secret_access_key = {}"]
spread("secret", KEYED, [rng.choice([mixed(ALNUM, 24), mixed(ALNUM, 32), mixed(HEX, 32), mixed(HEX, 40), str(uuid.UUID(int=rng.getrandbits(128), version=4)), mixed(ALNUM, 16)]) for _ in range(32 * scale)])
spread("secret", ["Authorization: Bearer {}", "curl -H 'Authorization: Bearer {}' https://api.example", "bearer {}", "Authorization: token {}"], [mixed(ALNUM, 32) for _ in range(8 * scale)])
spread("secret", ["Authorization: Basic {}", "-H \"authorization: basic {}\""], [base64.b64encode(f"ada{digits(2)}:{mixed(ALNUM, 9)}".encode()).decode() for _ in range(5 * scale)])
spread("secret", ["aws secret {}", "AWS_SECRET_ACCESS_KEY={}", "secret access key: {}"], [mixed(ALNUM + "/+", 40) for _ in range(5 * scale)])
spread("secret", ["the signing key is {}", "session cookie {}", "our salt {} is fixed", "Der Schlüssel {} passt", "seed {} for all", "api keys below\n{}"],
       [rng.choice([mixed(HEX, 32), mixed(HEX, 64), mixed(ALNUM, 40), mixed(ALNUM, 44)]) for _ in range(12 * scale)])
for text in ["password: required", "password = get_password()", "password=password", "const password = req.body.password;", "password: string;", "Passwort: erforderlich", "your password is case sensitive", "password=${DB_PASSWORD}",
             "password: <your password>", "password: ********", "token = tokens[i]", "max_tokens: 4096", "token_count=1234567", "tokens: 123456789", "secret: null", "secretary: Ada Example 42", "secretName: my-app-v2", "apiKey: process.env.API_KEY",
             "api_key = os.environ['API_KEY']", "token: str = None", "passport: 12 pages", "password_hash_algorithm: argon2id", "password reset link sent", "token: 'string'", "tokenizer: 'bert-base-uncased-2'", "pass: true",
             "forgot password? click here", "API key: your-api-key-here", "secret=changeme", "password (optional): ", "access_token_url=https://auth.example/token", "key: value", "passwordField.id = 'pw1'", "bearer of good news for everyone",
             "the bearer certificate 2031 edition", "type=\"password\" name=\"pw2\"", "token ring network 802.5", "if password == confirm_password:", "basic understanding of things", "secretKeyRef:\n  name: db-creds-2", "public_key = \"" + mixed(ALNUM, 40) + "\"",
             "assert token is not None", "csrf_token_name: csrf2", "password policy: 8 characters", "api_key_id: 42", "\"password\": \"Mot de passe\"", "tokens per second: 1234.56", "credentials: include", "credentials: 'same-origin'"]:
    nothing("secret by name", text)
for text in ["commit " + mixed(HEX, 40), "git checkout " + mixed(HEX, 40), mixed(HEX, 40), "sha256:" + mixed(HEX, 64), "md5 " + mixed(HEX, 32) + " file.txt", "\"integrity\": \"sha512-" + mixed(ALNUM + "+/", 86) + "==\"",
             "trace id " + mixed(HEX, 32), str(uuid.UUID(int=rng.getrandbits(128), version=4)), "session " + str(uuid.UUID(int=rng.getrandbits(128), version=4)), "SGVsbG8gd29ybGQ= is base64 for a greeting", "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
             "AbstractSingletonProxyFactoryBeanWithKeyGeneratorFactory", "the key is in /usr/lib/node_modules/some-long-package-name/dist", "key com.example.application.configuration.properties.file", "etag \"" + mixed(HEX, 32) + "\"",
             "token aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "0x" + mixed(HEX, 64), "Pneumonoultramicroscopicsilicovolcanoconiosis", "blob " + mixed(HEX, 40), "merge " + mixed(HEX, 7) + " into " + mixed(HEX, 12), "digest=" + mixed(HEX, 64),
             "cache key user-profile-settings-page-1-section-2", "secret santa is on 2031-12-06 at the office", "key: very-long-kebab-case-identifier-name-2"]:
    nothing("random string", text)

# --- wallets

B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58check(version):
    payload = bytes([version]) + rng.randbytes(20)
    data = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, out = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        out = B58[rest] + out
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + out


BECH = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def bech32():
    data = [0, *(rng.randrange(32) for _ in range(31)), rng.randrange(2) * 16]
    residue = 1
    for value in [3, 3, 0, 2, 3, *data, *[0] * 6]:
        top = residue >> 25
        residue = (residue & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate([0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3]):
            residue ^= term if (top >> bit) & 1 else 0
    residue ^= 1
    return "bc1" + "".join(BECH[value] for value in data + [(residue >> 5 * (5 - i)) & 31 for i in range(6)])


def wallets(count):
    for index in range(count):
        address = [base58check(0), base58check(5), bech32()][index % 3] if index % 4 else "0x" + chars(HEX, 40)
        assert address.startswith("0x") or stdnum.bitcoin.is_valid(address), address
        yield address


WALLET = ["Send it to {} please.", "BTC: {}", "my wallet {}", '{"address":"{}"}', "钱包地址{}。", "({})", "{}", "donate: {}\nthanks"]
spread("wallet", WALLET, wallets(28 * scale))
for index in range(8):
    address = base58check(0)
    nothing("wallet without its checksum", WALLET[index].replace("{}", address[:-1] + B58[(B58.index(address[-1]) + 1) % 58]))
for text in ["0x0000000000000000000000000000000000000000", "0x" + chars(HEX, 38), "0x" + chars(HEX, 64), "color 0xdeadbeef", "1FjJCXxmCuYh", "bc1 is a prefix"]:
    nothing("wallet", text)

# --- ordinary text

for locale in ["en_US", "de_DE", "fr_FR", "es_ES", "ru_RU", "zh_CN", "ja_JP", "ar_AA", "pl_PL"]:
    for _ in range(3 * scale):
        nothing("ordinary text", fake(locale).paragraph(nb_sentences=4))
for text in ["for (let i = 0; i < 1000000; i += 1) total += values[i] * 0.25;", "| a | b |\n|---|---|\n| 1234567 | 89 |", "def f(x: int) -> int:\n    return x ** 2 + 12345678", "SELECT id, name FROM users WHERE id IN (1, 22, 333, 4444);",
             "HTTP/1.1 200 OK\nContent-Length: 1234567\nDate: Sun, 04 May 2031 10:11:12 GMT", "Traceback: line 1234, in f\nKeyError: 'x'", "npm ERR! code E404 1.2.3", "$ 12.50, € 1.234,56, ¥ 1,000,000 and £99", "[1.0, 2.5e-07, 3.25e+10, 1234567.0]",
             "Bach BWV 1001-1006, K. 331", "12 Main Street, Springfield, 12345-6789", "1. One 2. Two 3. Three 10. Ten", "f(x) = 3x^2 - 12x + 7 = 0", "AA12 BB34 CC56 DD78", "\\u0041\\u0042 \\x41", "rgb(12, 34, 56) #a1b2c3 #ffffff"]:
    nothing("ordinary text", text)

with open(sys.argv[1], "w", encoding="utf-8") as file:
    file.write("[\n" + ",\n".join(json.dumps(text, ensure_ascii=True) for text in texts) + "\n]\n")
print(len(texts), "texts")
