"""What tickets are made of: sentences with gaps, and words for the gaps, in both languages. All of it is invented."""

from __future__ import annotations

GREETINGS = {
    "ko": ["안녕하세요", "안녕하세요, 문의드립니다", "수고 많으십니다", "저기요", "급합니다", "담당자님 안녕하세요", ""],
    "en": ["Hello", "Hi there", "Good morning", "Dear support team", "To whom it may concern", "Hey", ""],
}
CLOSINGS = {
    "ko": ["감사합니다", "빠른 답변 부탁드립니다", "확인 부탁드려요", "답변 기다릴게요", "수고하세요", ""],
    "en": ["Thank you", "Please answer soon", "Kind regards", "Looking forward to your reply", "Thanks in advance", ""],
}
SIGNATURE = {"ko": "-- \n내 휴대폰에서 보냄", "en": "-- \nSent from my phone"}

ITEMS = {
    "ko": [
        "운동화",
        "전기 주전자",
        "무선 이어폰",
        "겨울 코트",
        "책상",
        "커피 원두",
        "키보드",
        "등산 가방",
        "스탠드 조명",
        "밥솥",
    ],
    "en": [
        "running shoes",
        "kettle",
        "earphones",
        "winter coat",
        "desk",
        "coffee beans",
        "keyboard",
        "backpack",
        "lamp",
        "rice cooker",
    ],
}
WORDS = {
    "ko": {
        "days": ["사흘", "나흘", "닷새", "일주일", "열흘", "보름"],
        "place": ["문 앞", "경비실", "무인 택배함", "회사", "부모님 댁", "옆집"],
        "fault": [
            "전원이 켜지지 않습니다",
            "소리가 나지 않아요",
            "색이 사진과 다릅니다",
            "한쪽이 깨져 있어요",
            "냄새가 심합니다",
            "버튼이 빠졌어요",
        ],
        "cause": ["크기가 맞지 않아서", "마음이 바뀌어서", "두 번 주문해서", "선물이 겹쳐서", "너무 늦게 와서"],
        "step": ["로그인", "비밀번호 변경", "회원 탈퇴", "휴대폰 인증", "주소 수정", "이메일 변경"],
        "good": ["친절하고", "빠르고", "꼼꼼하고", "정확하고", "믿음직하고"],
        "feel": ["정말 만족합니다", "다음에도 주문할게요", "주변에 추천했어요", "별 다섯 개 드립니다", "기분이 좋았어요"],
        "amount": ["12,900원", "38,000원", "54,500원", "8,700원", "120,000원"],
    },
    "en": {
        "days": ["three days", "four days", "a week", "ten days", "two weeks", "almost a month"],
        "place": ["the front door", "the reception", "the parcel locker", "my office", "my parents' house", "a neighbour"],
        "fault": [
            "does not switch on",
            "makes no sound",
            "has another colour than in the photo",
            "came with a crack",
            "smells bad",
            "lost a button",
        ],
        "cause": ["it does not fit", "I changed my mind", "I ordered it twice", "it was a double gift", "it came far too late"],
        "step": ["log in", "change my password", "close my account", "verify my phone", "edit my address", "change my e-mail"],
        "good": ["friendly", "quick", "careful", "precise", "reliable"],
        "feel": ["I am really happy", "I will order again", "I told all my friends", "five stars from me", "it made my day"],
        "amount": ["$12.90", "$38.00", "$54.50", "$8.70", "$120.00"],
    },
}
PATTERNS = {
    "ko": {
        "delivery": [
            "{item} 배송이 {days}째 움직이지 않아요",
            "주문한 {item} 언제 도착하나요? 벌써 {days} 지났습니다",
            "{item} 택배를 {place}에 두었다는데 아무것도 없어요",
            "배송지를 {place}(으)로 바꾸고 싶습니다. 상품은 {item}입니다",
            "{item} 송장 조회가 {days} 동안 안 됩니다",
        ],
        "refund": [
            "{cause} {item} 환불받고 싶습니다",
            "{item} 반품한 지 {days} 됐는데 {amount} 아직 환불이 안 됐어요",
            "{amount} 결제가 두 번 됐습니다. {item} 한 건은 취소해 주세요",
            "{cause} 반품하려는데 {item} 수거는 언제 오나요?",
            "{item} 취소했는데 카드에서 {amount} 그대로 나갔어요",
        ],
        "account": [
            "{step} 화면이 {days}째 열리지 않습니다",
            "{step} 하려는데 계속 오류가 나요. {item} 주문을 못 하고 있어요",
            "{step} 방법을 알려 주세요. {days} 전부터 찾고 있습니다",
            "누가 제 계정으로 {item} 주문을 했어요. {step} 막아 주세요",
            "{step} 하고 나니 {amount} 적립금이 사라졌습니다",
        ],
        "product": [
            "받은 {item} {fault}",
            "{item} 산 지 {days} 됐는데 {fault}",
            "{item} 두 개 중 하나가 {fault}",
            "{amount} 주고 산 {item}인데 {fault}",
            "{item} 설명서가 없고 {fault}",
        ],
        "praise": [
            "{item} {good} 좋아요. {feel}",
            "상담원이 {good} 설명도 잘해 주셔서 {feel}",
            "{days} 써 본 {item}, {feel}",
            "배송 기사님이 {good} {place}까지 가져다주셔서 {feel}",
            "{amount}에 이런 {item}이라니 {feel}",
        ],
    },
    "en": {
        "delivery": [
            "my {item} has not moved for {days}",
            "when will the {item} arrive? I have been waiting for {days}",
            "the parcel with the {item} should be at {place}, but nothing is there",
            "please send the {item} to {place} instead",
            "tracking of the {item} has shown nothing for {days}",
        ],
        "refund": [
            "I want my money back for the {item} because {cause}",
            "I returned the {item} {days} ago and still miss {amount}",
            "you charged {amount} twice, please cancel one {item}",
            "how do I send the {item} back? {cause}",
            "I cancelled the {item} but {amount} left my card anyway",
        ],
        "account": [
            "I have not been able to {step} for {days}",
            "I get an error when I try to {step} and cannot order the {item}",
            "how can I {step}? I have been searching for {days}",
            "somebody ordered a {item} with my account, help me to {step}",
            "after I tried to {step} my credit of {amount} was gone",
        ],
        "product": [
            "the {item} I received {fault}",
            "after {days} the {item} {fault}",
            "one of the two {item} {fault}",
            "I paid {amount} for the {item} and it {fault}",
            "there is no manual with the {item} and it {fault}",
        ],
        "praise": [
            "the {item} is great, {feel}",
            "your agent was {good} and explained everything, {feel}",
            "{days} with the {item} and {feel}",
            "the courier was {good} and came to {place}, {feel}",
            "such a {item} for {amount}, {feel}",
        ],
    },
}
