/** Words that stand before phone numbers, and before numbers that only look like them. */
import { anyWord } from './context.ts';

export const phoneWords = anyWord(
  [
    '(?:tele|smart|\\w{0,16})(?:phone|fone)s?(?:[ _-]?n(?:umber|o|r))?|ph|fon|t[ée]l(?! aviv)(?:[eé][fp]h?on\\w{0,9})?',
    'mobiles?|mob|cell(?:phone|ulare|ular)?|celular|fax|hotline|helpline|whats ?app|viber|telegram|signal|sms|imessage',
    '(?<!_)(?:call|ring|dial|reach|phone)(?: (?:me|us|him|her|them|back))?(?: (?:at|on|under))?|text (?:me|us|him|her)(?: (?:at|on))?',
    'answer(?:ing|s)? at|messages? to|voice ?mail|contact(?: (?:number|no|me|us))?|my (?:new )?number(?: is)?',
    'meine (?:neue )?nummer|handy(?:nummer)?|mobil(?:nummer|telefon|funk|ní|e)?|rufnummer|festnetz|durchwahl|anrufen|erreich(?:bar|en)|unter der nummer',
    'portable|appele[zr]|joindre|fixe|gsm|mon num[ée]ro|móvil|llám[ae]\\w{0,4}|llamar|chiam\\w{1,6}|recapito|telem[óo]vel|ligu?e|zap',
    'telefoon|mobiel|bellen|bel|komórk\\w{1,3}|zadzwoń|tlf|puhelin|puh|matkapuhelin|cep|điện thoại|sđt',
    'тел(?:ефон\\w{0,3})?|моб(?:ильный)?|звони(?:те)?|позвони(?:те)?|мой номер|τηλ(?:έφωνο)?|κινητό',
    '(?:ال|و)?(?:هاتف|جوال)\\p{L}{0,3}|फ़?ोन|फोन|मोबाइल|नंबर|טלפון|נייד',
  ].join('|'),
  '电话|電話|手机|手機|联系方式|聯絡|联系|致电|拨打|热线|微信|座机|携帯|전화|휴대폰|연락처|핸드폰|โทร',
);

export const otherNumberWords = anyWord(
  [
    'orders?|cards?|credit|debit|kart\\w{1,7}|carte|carta|tarjeta|карт\\p{L}{1,3}',
    'invoice|tracking|ticket|case|ref(?:erence)?|isbn|issn|imei|iccid|ean|gtin|upc|sku|serial|model|part(?: no| number)?|item|article',
    'account|acct|customer(?: id| no| number)?|user ?id|uid|id|zip|postcode|port|pid|error|err|code|issue|bug|pr|build|version|ver|v|rev(?:ision)?',
    'nhs|ssn|vat|tax|bic|iban|doi|pmid|arxiv|rfc|patent|case no|docket|meter|policy|price|cost|total|population|timestamp|date|lot|batch',
    'bestell\\w{0,9}|rechnung\\w{0,8}|kunden\\w{0,8}|artikel\\w{0,8}|konto\\w{0,8}|aktenzeichen|preis|commande|facture|pedido|factura|ordine',
    'zamówieni\\w{1,3}|заказ\\p{L}{0,2}|сч[её]т',
  ].join('|'),
  '订单|單號|单号|编号|版本|价格|注文|番号は|型号',
);

/** What can follow a number: "(mobile)", "-Office". */
export const namedAfter =
  /^,? ?[(-]? ?(?:mobile|cell|home|work|office|fax|phone|tel|handy|mobil|privat)(?!\p{L})/iu;
