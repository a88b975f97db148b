"""Renders conversations with templates of the kinds that checkpoints carry, as Transformers does.

Run: python test/parity/chat-templates.py test/fixtures/chat-templates.json
Made with transformers 5.24.0 and jinja2 3.1.6. An error is kept as null: both sides must refuse.
"""

import json
import sys

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

TEMPLATES = {
    "chatml": """{% for message in messages %}<|im_start|>{{ message['role'] }}
{{ message['content'] }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}""",
    "default system": """{%- if messages[0].role == 'system' -%}
    {%- set system = messages[0].content | trim -%}
    {%- set rest = messages[1:] -%}
{%- else -%}
    {%- set system = 'You are helpful.' -%}
    {%- set rest = messages -%}
{%- endif -%}
{{ bos_token }}<sys>{{ system }}</sys>
{%- for message in rest %}
{{ loop.index0 }}/{{ loop.length }} {{ message.role | upper }}: {{ message.content }}
{%- if not loop.last %};{% endif %}
{%- endfor %}
{%- if add_generation_prompt %} ASSISTANT:{% endif %}""",
    "alternating": """{{ bos_token }}{% for message in messages %}
    {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{ raise_exception('roles must alternate') }}
    {% endif %}
    {% if message['role'] == 'user' %}
        {{ '[INST] ' + message['content'].strip() + ' [/INST]' }}
    {% elif message['role'] == 'assistant' %}
        {{ ' ' + message['content'] + eos_token }}
    {% else %}
        {{ raise_exception('only user and assistant') }}
    {% endif %}
{% endfor %}""",
    "namespace": """{%- set ns = namespace(count=0, last='') -%}
{%- for message in messages -%}
    {%- if message.role == 'user' -%}{%- set ns.count = ns.count + 1 -%}{%- set ns.last = message.content -%}{%- endif -%}
{%- endfor -%}
{{ ns.count }} questions, the last: {{ ns.last | default('none', true) }}
{% for message in messages | reverse %}{{ message.role[0] }}{% endfor %}""",
    "macro": """{%- macro turn(role, text) -%}
<{{ role }}>{{ text | replace('<', '&lt;') }}</{{ role }}>
{%- endmacro -%}
{%- for message in messages -%}
{{ turn(message.role, message.content) }}
{% endfor -%}
{{ '<assistant>' if add_generation_prompt else '' }}""",
    "tests": """{%- for message in messages if message.role != 'system' -%}
{%- if message.content is string and message.tool_calls is not defined -%}
{{ message.role }}={{ message.content | tojson }}{{ ', ' if not loop.last }}
{%- endif -%}
{%- endfor -%}
{%- if tools is not none and tools %}tools{% endif -%}
{%- if 'needle' in messages[-1].content %} found{% endif -%}
{{ [1, 2, 3] | join('-') }} {{ ' a b '.split() | length }} {{ 'H' if messages[0].content.startswith('H') else 'other' }}""",
    "thinking": """{%- for message in messages %}
{%- if message.role == 'assistant' and '</think>' in message.content %}
    {%- set content = message.content.split('</think>')[-1].lstrip('\\n') %}
{%- else %}
    {%- set content = message.content %}
{%- endif %}
<|{{ message.role }}|>
{{ content }}
{%- endfor %}
{%- if add_generation_prompt %}
<|assistant|>
{%- if enable_thinking is defined and enable_thinking is false %}
<think></think>
{%- endif %}
{%- endif %}
""",
}

CONVERSATIONS = [
    [("user", "Hello")],
    [("system", "  Be brief. "), ("user", "Hi <b>there</b> & \"you\" 'now'\n\nnext")],
    [("user", "Hi"), ("assistant", "Hello!"), ("user", "And a needle? ümläut 🎉 \t end ")],
    [("user", "Q"), ("assistant", "<think>hm\nhm</think>\n\nA"), ("user", "R")],
    [("system", ""), ("user", ""), ("assistant", ""), ("user", "{{ 7 * 7 }} {% raise %}")],
    [("user", "a"), ("user", "b")],
    [("assistant", "I begin"), ("user", "\u2028 odd \u00a0 spaces")],
]


def main(path):
    cases = []
    for name, template in TEMPLATES.items():
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=Tokenizer(models.BPE()), bos_token="<s>", eos_token="</s>", chat_template=template
        )
        for pairs in CONVERSATIONS:
            messages = [dict(role=role, content=content) for role, content in pairs]
            for prompt in (False, True):
                try:
                    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
                except Exception as error:
                    print(name, pairs[0], error, file=sys.stderr)
                    text = None
                cases.append(dict(template=name, messages=messages, addGenerationPrompt=prompt, text=text))
    with open(path, "w") as file:
        json.dump(dict(templates=TEMPLATES, cases=cases), file, ensure_ascii=False, indent=1)
        file.write("\n")


main(sys.argv[1])
