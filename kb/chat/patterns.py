"""The words by which a question is read: what asks for what, and what names look like."""

import re

from kb.chat.question import Intent

# Order matters: the first that matches comes first in the answer.
INTENT_PATTERNS: tuple[tuple[Intent, str], ...] = (
        ("lanes", r"\blanes?\b|\bx(?:16|8)\b|\bfull (?:pcie )?(?:width|bandwidth)\b"),
        ("build", r"\bparts?[- ]list|\bbill of (?:materials|parts)|\bshopping list|\bpart by part|\ball (?:of )?(?:the )?parts\b|\b(?:complete|whole|entire|full) (?:pc|computer|machine|build|rig|system|workstation)\b(?! (?:power|draw|load|noise))|\b(?:plan|build|design|put together|spec out)\b[^?.]{0,20}\b(?:pc|computer|machine|build|rig|system|workstation)\b|\bother parts\b"),
        ("rent_or_buy", r"\brent(?:ing|al)?\b.{0,200}\b(?:buy|own)|\b(?:buy|own)\w*\b.{0,200}\b(?:rent|cloud)|break[- ]?even|\bpays? (?:off|for itself)\b[^?]{0,200}\b(?:rent|cloud)"),
        ("token_cost", r"(?:cost|price|cheap)\w{0,10}\b[^?]{0,200}\bper (?:million|1m|m) tok|per million tokens|\b(?:a|one|1) ?m(?:illion)? tokens?\b[^?]{0,200}\bcosts?|\b(?:costs?|price)\b[^?]{0,200}\b(?:a|one|1) ?m(?:illion)? tokens?\b"),
        ("training", r"\bfine[- ]?tun\w*|\bq?lora\b|\btrain(?:ing|ed)?\b"),
        ("power_cost", r"electricity|power bill|energy (?:cost|bill)|\bkwh\b|cost (?:me )?to (?:run|power)|running costs?"),
        ("power_supply", r"\bpsu\b|power supply|power supplies|how many watts? (?:do|does|should|will) (?:i|my|we)\b|wattage|\bcircuit|\bbreaker|\boutlet|\bamps?\b|\b\d\d\s?a\b"),
        ("load_time", r"\bload(?:s|ing)?\b[^?]{0,200}\b(?:time|long|seconds|fast|quick\w*|take)|how long[^?]{0,200}\bload|time to load|cold start"),
        ("transfer", r"\btransfer(?:ring)?\b[^?]{0,200}(?:time|long|take|over)|how long[^?]{0,200}(?:copy|transfer|move)|\b(?:copy|copying|move|moving|send|sending|transferring|push|pushing)\b[^?]{0,200}\b(?:over|across|via|through)\b|how (?:fast|quick)\w*\b[^?]{0,200}\b(?:moving|sending|copying|transferring)\b"),
        ("max_context", r"(?:max(?:imum)?|longest|largest|biggest|most) (?:possible )?(?:context|ctx)|how (?:long|much|big|many)\b[^?]{0,25}\b(?:context|ctx)|how many tokens (?:of context )?(?:can|fit)|context[^?]{0,25}\b(?:can i|fit|get|possible)"),
        ("kv_cache", r"\bkv[\s-]?cache\b[^?]{0,200}(?:size|big|large|memory|take|need|use|gb|much)|(?:how (?:big|large|much)|size)[^?]{0,200}\bkv[\s-]?cache"),
        ("best_quantization", r"(?:best|which|what|right|highest|largest)\s(?:\w+\s)?quant(?:i[sz]ation)?s?\b|quant(?:i[sz]ation)?\b[^?]{0,200}\b(?:should|best|recommend|choose|pick|use)\b|best quality|highest quality|which (?:gguf|file|type)\b"),
        ("compare", r"\bvs\.?\b|\bversus\b|\bcompar\w+|\bdifference between\b|\b(?:better|faster|slower|cheaper) than\b|\bwhich (?:one )?is (?:better|faster|cheaper)\b|\bor\b[^?]{0,200}\bwhich\b|\bprefer\b|\bover an?\b|\binstead of\b|\bor an?\b"),
        ("fit", r"\bcan (?:i|you|we|it|my|an?|the|one)\b[^?]{0,200}\b(?:run|fit|load|handle|use|host|hold|serve)|\bwill\b[^?]{0,200}\b(?:fit|run|work)\b|\bdo(?:es)?\b[^?]{0,200}\b(?:fit|run)\b|\bis\b[^?]{0,200}\benough\b|\benough (?:vram|memory|ram)|\bfits?\b|\brun(?:ning|s)?\b|\bpossible\b|\bhold\b|\bhost(?:ing)?\b|\bserv(?:e|ing)\b"),
    ("speed", r"how fast|tokens?\s?(?:per|/|a)\s?s|first token|tok/s|\btoks?\b|\bt/s\b|\btps\b|\bspeed\b|how (?:quick|slow)\w*|throughput|how many tokens|time to first token|\bttft\b|prefill|prompt processing|latency"),
        ("what_runs", r"what (?:can|could|will|models?|llms?|size)\b[^?]{0,200}\b(?:run|fit|handle|work)|which (?:models?|llms?)\b|(?:biggest|largest|best) (?:model|llm)|what (?:model|llm)s?\b|run locally (?:on|with)|options for (?:models?|llms?)|models? options|suggest (?:a |some )?(?:models?|llms?)"),
            ("memory", r"(?:how much|how many|what)\b(?>[^?]{0,200}?\b(?:vram|memory|ram|gb|gigs?|gigabytes?|space)\b)[^?]{0,200}\b(?:need|require|take|use|occup|for|run|necessary)|(?:vram|memory|ram) (?:requirements?|needs?|usage|footprint)|\b(?:size|big|large) (?:is|are|of)\b|how (?:big|large) is|require[sd]?\b[^?]{0,200}\b(?:vram|memory|ram)|(?:need|require)s?\b[^?]{0,200}\b(?:vram|memory|gb)|total memory|how much gb|how many gb|\bis \d+ ?gb\b[^?]{0,12}(?:right|correct|true)|what (?:do )?(?:we|i) need for|rough number|\bvram\b|\bfootprint\b"),
        ("recommend", r"(?:what|which)\b(?>[^?]{0,200}?\b(?:should|to|would you)\b)[^?]{0,200}\b(?:buy|get|choose|pick|build)|recommend|\bbest (?:\w+ ){0,2}(?:gpu|card|graphics card|hardware|machine|computer|mac|build|setup|budget|value)|\bbudget\b|worth (?:buying|it)|what hardware|which (?:gpu|card|graphics card|mac|machine|computer)\b|what (?:gpu|card|graphics card|computer|machine)\b|suggestions?\?|what do you suggest|which mac\b|shopping|\bcheapest\b|most affordable"),
        ("disputes", r"disput|contradict|disagree|wrong about|conflict|inconsisten|\bis (?:that|this|it) (?:correct|right|true)\b|, (?:right|correct|true)\?|rule of thumb|\bmyth\b"),
        ("define", r"\bwhat(?:'s| is| are| does)\b|\bexplain\b|\bdefine\b|\bmeaning of\b|\bstand for\b|\btell me about\b|\bwhat do you (?:know|mean)|\bdescribe\b"),
)  # fmt: skip
INTENTS = tuple((intent, re.compile(pattern, re.I)) for intent, pattern in INTENT_PATTERNS)

FIGURE_KEYS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (key, re.compile(pattern, re.I))
    for key, pattern in (
        ("memory_bandwidth_gb_per_s", r"bandwidth|gb/s|how fast is (?:the|its) memory|memory speed"),
        ("memory_type", r"(?:type|kind) of (?:memory|vram|ram)|gddr|memory type"),
        ("tdp_w", r"\btdp\b|power (?:draw|consumption|use|usage|limit)|how much power|\bwatts?\b|how many watts|\bpower\b"),
        ("price", r"\bprices?\b|\bcosts?\b|how much (?:is|are|does|do|for)\b|\bmsrp\b|expensive|cheap|\bpay\b|street price|used price"),
        ("power_connectors", r"connectors?\b"),
        ("cuda_cores", r"cuda cores?"),
        ("tensor_cores", r"tensor cores?"),
        ("nvlink", r"nv[\s-]?link"),
        ("fp16_dense_tflops", r"\btflops?\b|teraflops?|fp16 (?:performance|rate|speed|compute)|compute power"),
        ("fp4_sparse_tflops", r"\bpflops?\b|petaflops?|\bfp4\b"),
        ("l3_cache_mb", r"\bl3\b"),
        ("l2_cache_mb", r"\bl2\b"),
        ("cores", r"how many cores|\bcores?\b|core count"),
        ("threads", r"\bthreads?\b"),
        ("pcie_lanes", r"\blanes?\b"),
        ("socket", r"\bsocket\b"),
        ("architecture", r"\barchitecture\b|\bgeneration\b"),
        ("num_hidden_layers", r"how many layers|\blayers?\b"),
        ("num_key_value_heads", r"kv heads?|key[- ]value heads?"),
        ("params_total", r"how many (?:parameters|params)|parameter count|\bparameters\b"),
        ("params_active", r"active (?:parameters|params)"),
        ("num_experts", r"how many experts|\bexperts\b"),
        ("max_position_embeddings", r"context (?:length|window|size|limit)|max(?:imum)? context"),
        ("bits_per_weight", r"bits per weight|\bbpw\b|how many bits"),
        ("sequential_read_mb_per_s", r"read speed|how fast|sequential"),
        ("endurance_tbw", r"endurance|\btbw\b"),
        ("warranty_years", r"warranty"),
        ("efficiency_rating", r"efficien|80 ?(?:\+|plus)|titanium|platinum"),
        ("power_w", r"how many watts|wattage|power"),
        ("networking", r"network|ethernet|qsfp|ports?\b"),
        ("size_mm", r"dimensions|how big|\bsize\b"),
        ("max_memory_gib", r"max(?:imum)? (?:memory|ram)|how much ram (?:can|does)"),
        ("pcie_x16_slots", r"\bslots?\b"),
        ("memory_gib", r"how much (?:vram|memory|ram)|\bvram\b|\bmemory\b|how many (?:gb|gigs?)"),
    )
)  # fmt: skip

TOGETHER = re.compile(
    r"\btogether\b|\bcombin\w+|\bmix(?:ed|ing)?\b|\d\s?\+\s?(?:an? |my |\w+ )?\w*\d|\bpaired\b|\balongside\b|\bplus\b|in (?:one|the same) (?:machine|pc|rig)",
    re.I,
)
ENOUGH = re.compile(r"\benough\b|\bsuffic\w+|\bfits?\b|\bwill do\b", re.I)
MOVES = re.compile(r"\b(?:cop|mov|send|transfer|push|download|shift)\w*\b", re.I)
FOLLOW_UP = re.compile(
    r"^\s?(?:and|or|but|also|what about|how about|what if|then|so|ok(?:ay)?|with|on|at|in|same|now|if)\b"
    r"|\b(?:it|its|them|their|that|those|this one|these|the same|instead|both|that one)\b", re.I
)  # fmt: skip
OF_THEM = re.compile(r"(?:^\s?(?:and|what about|how about)\s(?:with\s)?)(\d{1,2}|two|three|four|six|eight)\s?\??\s?$|\b(\d{1,3}|two|three|four|six|eight|a pair|both|a second|another)\b\s?(?:of\s(?:them|those|these)|cards?|gpus?|ones?\b|x\b|more)", re.I)  # fmt: skip
SECOND = re.compile(r"\b(?:a second|another|one more)\b", re.I)
COUNT_BEFORE = re.compile(r"(?:^|[\s(])(\d{1,3}|an?|one|two|three|four|five|six|seven|eight|ten|twelve|sixteen|dual|twin|pair of|a pair of|quad)\s?[x×]?\s?(?:gpus?\s|cards?\s|of\s)?(?:nvidia|geforce|amd|radeon|used|new)?\s?$", re.I)  # fmt: skip
COUNT_AFTER = re.compile(r"\s?[x×]\s?(\d{1,3})\b", re.I)

LOOKS_LIKE_DEVICE = re.compile(
    r"\b(?:rtx|gtx|geforce|radeon|rx|arc|quadro|tesla)[\s-]{0,3}(?:pro\s?)?[a-z]?\d{3,5}\w*(?:\s?(?:ti|super|xtx?|ada|laptop))?"
    r"|\bm\d\d?\s(?:ultra|max|pro)\b|\b(?:mac studio|mac pro|mac mini|macbook(?: pro| air)?)\sm\d(?:\s(?:ultra|max|pro))?"
    r"|\bi[3579]-\d{4,5}\w*|\b(?:h|b|a|v|l|mi)\d{2,3}[a-z]?\b(?!\s?(?:tokens|ctx|context))", re.I
)  # fmt: skip
LOOKS_LIKE_MODEL = re.compile(
    r"\b(?:meta-)?(?:llama|qwen|qwq|mistral|mixtral|ministral|codestral|gemma|phi|deepseek|gpt|claude|gemini|grok|yi|falcon|"
    r"command|glm|kimi|nemotron|granite|olmo|smollm|minimax)[\s\-_:]{0,3}(?:[a-z]*[\s\-_:]{0,3})?v?\d+(?:\.\d+)*[\w.:\-]*(?:\s?\d+(?:\.\d+)?b)?", re.I
)  # fmt: skip
LOOKS_LIKE_QUANTIZATION = re.compile(r"\bi?q\d(?:_[a-z0-9]+)+\b", re.I)
ASKED_OF = re.compile(
    r"how (?:much|many) [\w ]{2,20} (?:does|do|has) (?:the |an? |my )?([\w .+-]{3,40}?) (?:have|come with|got)\b", re.I
)
MEMORY_CLAIM = re.compile(
    r"(?:\b(?:has|have|with|having|got|comes with|chip and|ships with|'s|includes|offers)\b\s?(?:only\s|just\s|about\s|its\s|a\s|full\s)?)"
    r"(\d{1,4})\s?(?:gb|gib|gigs?|gigabytes?)\b(?:\s?(?:of\s)?(?:vram|gddr\w*|memory|hbm\w*|unified memory|unified ram))?(?!\s?(?:/s|per|ps|of\s(?:system|ddr|ram)|\s?ram|\s?ddr))", re.I
)  # fmt: skip
MEMORY_BEFORE = re.compile(r"(?<!\d)(\d{1,4})\s?(?:gb|gib|gig)\b(?:\s?of\s?(?:vram|memory)\s?(?:on|in|of))?(?:\sof\s(?:the|my|an?))?[\s-]{0,3}(?:nvidia|geforce|amd|on the|on my|on an?|the|my)?\s?$", re.I)  # fmt: skip
BANDWIDTH_CLAIM = re.compile(r"(?<![\d,.])(\d[\d,.]{0,12})\s?(gb|tb)\s?(?:/|p|per )\s?s", re.I)
NVLINK_CLAIM = re.compile(r"nv[\s-]?link", re.I)

CALCULATED = frozenset({
    "fit", "memory", "speed", "max_context", "best_quantization", "training", "power_supply", "power_cost", "load_time",
    "transfer", "kv_cache", "what_runs", "rent_or_buy", "token_cost", "compare", "lanes", "build",
})  # fmt: skip
CORES_CLAIM = re.compile(r"(?<!\d)(\d{1,3}(?:,\d{3}){1,2}|\d{4,6})\s?(?:cuda )?cores", re.I)
LAPTOP = re.compile(r"\blaptop|\bnotebook|\bmobile\b", re.I)
MAC = re.compile(r"\bmac\b|\bmacbook|\bimac\b|apple silicon", re.I)
CPU_ONLY = re.compile(
    r"\bno (?:dedicated )?(?:gpu|graphics card)|\bcpu[- ]only|without (?:a |any )?(?:gpu|graphics)|\bon (?:my |the |a )?cpu\b|just (?:a |my )?cpu\b",
    re.I,
)
HOW_MANY = re.compile(
    r"how many\b(?![^?]{0,200}(?:users|people|requests|tokens|parameters|layers|experts|cores|lanes|watts|gb\b))[^?]{0,200}\b(?:for|to|do|would|needed|need)\b",
    re.I,
)
HOW_MANY_USERS = re.compile(
    r"how many\b[^?]{0,30}\b(?:users|people|requests|conversations|chats|developers|sessions)", re.I
)
SUPPORTS = re.compile(r"\bsupport\w*|\bcompatible|\bnative(?:ly)?\b|\bwork(?:s)? on\b", re.I)
JOINS = re.compile(r"\bversus\b|\bvs\b|\bcompared\b|\bdifference\b", re.I)
CHEAPEST = re.compile(r"\bcheapest\b|most affordable|best|should|recommend|which|budget", re.I)
GENERIC_TERMS = frozenset({
    "memory", "gpu", "parameters", "token", "inference", "llm", "cache", "node", "noise", "case", "context-length",
    "tokens-per-second", "gigabyte-vs-gibibyte", "quantization", "4-bit-quantization", "8-bit-quantization", "vram",
    "prompt", "electricity-cost", "fine-tuning", "transformer", "workstation", "home-server", "multi-gpu", "windows",
})  # fmt: skip
