/** What the made-up office is called and says. */
export const GIVEN = [
  'Alice',
  'Bob',
  '李雷',
  'Carol',
  'Dave',
  '韩梅梅',
  'Erin',
  'Frank',
  'Grace',
  '王芳',
  'Heidi',
  'Ivan',
  'Judy',
  '张伟',
  'Mallory',
  'Niaj',
  'Olivia',
  'Peggy',
  '刘洋',
  'Rupert',
  'Sybil',
  'Trent',
  'Victor',
  'Wendy',
];

export const GROUPS = ['Design review', '周五聚餐', 'Release 2.4', 'Facilities & lunch'];

export const STATUSES = [
  'In a meeting until 3',
  'Working from the lab',
  '专注中，稍后回复',
  'Back on Monday',
];

export const LINES = [
  'Morning! The build from last night is on the shared drive.',
  'Looks good to me.',
  'Can somebody check the second page? The margins jumped again.',
  '早上好，昨晚的构建已经放到共享盘了。',
  'I am in the small meeting room, come over when you are free.',
  'Done ✅',
  '好的，我下午三点前给你。',
  'The numbers in `report.csv` do not add up: column **C** is off by one.\nI will redo it after lunch.',
  'Thanks!',
  'Does anyone have an HDMI cable to lend? Mine stopped working in the middle of the demo, of course.',
  '会议改到三楼的小会议室了，大家别走错。',
  'Short summary of what we agreed on:\n\n- ship on Thursday\n- no new features until then\n- Carol writes the notes',
  'On my way 🚶',
  'See https://example.org/notes/2026 for the details.',
  '收到 👍',
  'I tried it on the old laptop and it starts in under a second, which I did not expect at all. The only thing that felt slow was opening the very long log, and even that stayed smooth while scrolling.',
  '```\nmake test\n412 passed, 0 failed\n```',
  'Who is in for lunch? 🍜',
  '这个图标再大一点会不会更好看？',
  'Let us keep it as it is for now.',
];

export const REPLIES = [
  'Yes, exactly that.',
  'Good idea, I will try.',
  '同意。',
  'Not sure about this one, can we talk later?',
  'Fixed, please look again.',
];
