"""The columns of the table: facts of the file and the run, then what was measured, in the order in which they stand.

A measured column is followed by its twin `<name>_why`: why the cell is blank. The page docs/table.md is made from these declarations, and a
test walks every path through the classes of the document, so that a field which is renamed there fails here.
"""

from __future__ import annotations

from reelscope.document.table.column import WHY, Column

__all__ = ["COLUMNS", "FACTS", "MEASURED", "header"]

FACTS: tuple[Column, ...] = (
    Column("document", "text", "", "The document, relative to the folder that was given.", "table", "document"),
    Column("clip", "text", "", "The clip's path when it was analysed.", "source", "path"),
    Column("url", "text", "", "Where it was taken from, if from an address.", "source", "url"),
    Column("post_author", "text", "", "Account that posted it; blank for a file, like all of the post.", "source", "post.author.handle"),
    Column("post_published_at", "text", "", "When it was posted (ISO 8601, UTC).", "source", "post.published_at"),
    Column("post_views", "int", "", "Views when it was fetched.", "source", "post.counts.views"),
    Column("post_likes", "int", "", "Likes when it was fetched.", "source", "post.counts.likes"),
    Column("post_comments", "int", "", "Comments when it was fetched.", "source", "post.counts.comments"),
    Column("post_shares", "int", "", "Shares when it was fetched.", "source", "post.counts.shares"),
    Column("post_saves", "int", "", "Saves when it was fetched.", "source", "post.counts.saves"),
    Column("sha256", "text", "", "Of the clip's bytes: the same clip has the same.", "source", "sha256"),
    Column("created_at", "text", "", "When the document was made (ISO 8601, UTC).", "document", "created_at"),
    Column("version", "text", "", "Version of reelscope that wrote the document.", "run", "version"),
    Column("tier", "text", "", "Best tier that the run used.", "run", "tier"),
    Column("run_s", "float", "s", "How long the analysis took.", "run", "seconds"),
    Column("analyzers_ok", "int", "", "Analyzers with a result.", "table", "analyzers_ok"),
    Column("duration_s", "float", "s", "Length of the clip.", "media", "duration_s"),
    Column("width_px", "int", "px", "Display width; blank for a clip of sound alone, like all of the picture.", "media", "width_px"),
    Column("height_px", "int", "px", "Display height.", "media", "height_px"),
    Column("fps", "float", "frames/s", "Frame rate.", "media", "fps"),
    Column("vfr", "bool", "", "Whether the frame rate varies.", "media", "vfr"),
    Column("codec", "text", "", "Codec of the picture.", "media", "codec"),
    Column("video_bit_rate_bps", "int", "bit/s", "Bit rate of the picture.", "media", "video_bit_rate_bps"),
    Column("size_bytes", "int", "bytes", "Size of the file.", "media", "size_bytes"),
    Column("audio_codec", "text", "", "Codec of the sound; blank without a sound track.", "media", "audio.codec"),
)

STAGES = ("hook", "build_up", "turn", "pay_off", "call_to_action")
APPS = ("tiktok", "reels", "shorts")

EDITING: tuple[Column, ...] = (
    Column("shots", "int", "", "Shots.", "cut_analysis", "summary.shots"),
    Column("cuts", "int", "", "Hard cuts.", "cut_analysis", "summary.cuts"),
    Column("transitions_per_min", "float", "1/min", "Transitions of every kind.", "cut_analysis", "summary.transitions_per_minute"),
    Column("jump_cuts", "int", "", "Cuts between like pictures.", "cut_analysis", "summary.jump_cuts"),
    Column("shot_length_median_s", "float", "s", "Median length of a shot.", "cut_analysis", "summary.shot_length_median_s"),
    Column("shot_length_cv", "float", "", "Coefficient of variation of the lengths.", "cut_analysis", "summary.shot_length_cv"),
    Column("scenes", "int", "", "Scenes: shots of one place or look.", "scene_segmentation", "summary.scenes"),
    Column(
        "cuts_on_beat_share", "float", "0-1", "Hard cuts on a beat, of those where there is a pulse.", "pacing", "beats.share",
        why=("not_measured.beats", "beats.reason"),
    ),
    Column(
        "cuts_on_beat_chance", "float", "0-1", "The share that cuts at random moments would reach.", "pacing", "beats.chance",
        why=("not_measured.beats", "beats.reason"),
    ),
)  # fmt: skip

PICTURE: tuple[Column, ...] = (
    Column("camera_stability", "float", "0-1", "Stability of the camera.", "camera_analysis", "summary.stability"),
    Column("brightness", "float", "0-1", "OKLab lightness.", "color_analysis", "summary.brightness", why=("summary.reason",)),
    Column("contrast", "float", "0-1", "Range of lightness.", "color_analysis", "summary.contrast", why=("summary.reason",)),
    Column("saturation", "float", "", "OKLab chroma over lightness.", "color_analysis", "summary.saturation", why=("summary.reason",)),
    Column("tone", "text", "", "warm, neutral or cool.", "color_analysis", "summary.tone", why=("summary.reason",)),
    Column(
        "harmony", "text", "", "Kind of colour harmony.", "color_analysis", "summary.harmony",
        why=("summary.harmony_reason", "summary.reason"),
    ),
    Column("sharpness", "float", "0-1", "Sharpness.", "content_quality", "summary.sharpness", why=("summary.reason",)),
    Column(
        "noise_sigma", "float", "levels of 255", "Noise of the picture.", "content_quality", "summary.noise_sigma",
        why=("summary.reason",),
    ),
    Column("black_s", "float", "s", "Black picture.", "content_quality", "summary.black_s", why=("summary.reason",)),
    Column("frozen_s", "float", "s", "Frozen picture.", "content_quality", "summary.frozen_s", why=("summary.reason",)),
    Column(
        "subject_share", "float", "0-1", "Share of the picture that the subject takes.", "background_segmentation", "summary.subject_share",
        why=("summary.subject_reason",),
    ),
    Column(
        "setting", "text", "", "indoor or outdoor.", "background_segmentation", "summary.setting", why=("summary.setting_reason",)
    ),
    Column("person_time_share", "float", "0-1", "Time with a person.", "body_pose", "summary.person_time_share"),
    Column("face_s", "float", "s", "Time with a face.", "eye_tracking", "summary.face_s", why=("summary.reason",)),
    Column(
        "at_camera_share", "float", "0-1", "Share of that time with a gaze that meets the camera.", "eye_tracking",
        "summary.at_camera_share", why=("summary.reason",),
    ),
    Column("faces_with_age", "int", "", "Faces, each counted once a shot, whose age was estimated.", "age_estimation", "summary.estimated"),
    Column(
        "told", "text", "", "What the vision-language model says of the whole clip.", "qwen2_vl_temporal", "summary.text",
        why=("summary.text_reason",),
    ),
)  # fmt: skip

TEXT: tuple[Column, ...] = (
    Column("texts", "int", "", "Texts on the screen.", "text_overlay", "summary.count"),
    Column("text_share", "float", "0-1", "Time with a text on the screen.", "text_overlay", "summary.text_share"),
    Column(
        "reading_chars_per_s", "float", "1/s", "Characters laid over the picture over the time in which they stand.", "reading_load",
        "chars_per_s",
    ),
    Column("reading_overloaded_s", "float", "s", "Time with more than can be read at ease.", "reading_load", "overloaded_s"),
    Column("texts_too_fast", "int", "", "Texts too fast to be read.", "reading_load", "too_fast"),
    Column("lowest_contrast_ratio", "float", "1-21", "Lowest contrast of a text (WCAG).", "reading_load", "lowest_contrast_ratio"),
    *(
        Column(
            f"{app}_texts_hidden_s", "float", "s", f"Time in which a text is hidden by the app ({app}).", "safe_zones",
            f"totals.{app}.texts_hidden_s", why=("not_measured.texts",),
        )
        for app in APPS
    ),
    *(
        Column(
            f"{app}_faces_hidden_s", "float", "s", f"Time in which a face is hidden by the app ({app}).", "safe_zones",
            f"totals.{app}.faces_hidden_s", why=("not_measured.faces",),
        )
        for app in APPS
    ),
)  # fmt: skip

SOUND: tuple[Column, ...] = (
    Column("loudness_lufs", "float", "LUFS", "Integrated loudness (EBU R 128).", "audio_analysis", "summary.integrated_lufs"),
    Column("true_peak_dbtp", "float", "dBTP", "True peak.", "audio_analysis", "summary.true_peak_dbtp"),
    Column("tempo_bpm", "float", "1/min", "Tempo of the music.", "audio_analysis", "summary.tempo_bpm"),
    Column("silence_s", "float", "s", "Time below the level of silence.", "audio_analysis", "summary.silence_s"),
    Column("speech_share", "float", "0-1", "Time in which speech is heard.", "audio_environment", "summary.speech_share"),
    Column("music_share", "float", "0-1", "Time in which music is heard.", "audio_environment", "summary.music_share"),
)

VOICE: tuple[Column, ...] = (
    Column("voice_share", "float", "0-1", "Time in which somebody speaks.", "speech_flow", "summary.speech_share"),
    Column("words_per_min", "float", "1/min", "Words of the transcript over the time.", "speech_flow", "summary.words_per_minute"),
    Column(
        "articulation_rate_syl_s", "float", "1/s", "Syllables per second of voice.", "speech_flow", "summary.articulation_rate_syl_s"
    ),
    Column("pause_longest_s", "float", "s", "Longest pause.", "speech_flow", "summary.pause_longest_s"),
    Column("pitch_median_hz", "float", "Hz", "Median pitch of the voice.", "speech_flow", "summary.pitch_median_hz"),
    Column("fillers", "int", "", "Filler words.", "speech_flow", "summary.fillers"),
    Column("arousal_spread", "float", "", "Spread of arousal over the utterances.", "speech_emotion", "summary.arousal_spread"),
    Column("language", "text", "", "Spoken language.", "speech_transcription", "summary.language"),
    Column("words", "int", "", "Words that are spoken.", "speech_transcription", "summary.words"),
    Column("speakers", "int", "", "Speakers told apart.", "speech_transcription", "summary.speakers"),
    Column("transcript", "text", "", "What is said.", "speech_transcription", "summary.text"),
)  # fmt: skip

NEVER = "looked for, and never in the clip"

STORY: tuple[Column, ...] = (
    *(
        column
        for stage in STAGES
        for column in (
            Column(
                f"story_{stage}_found", "bool", "", f"Whether the stage {stage} was found.", "temporal_flow",
                f"summary.stages.{stage}.status", equals="found",
            ),
            Column(
                f"story_{stage}_start_s", "float", "s", "When it starts.", "temporal_flow", f"summary.stages.{stage}.start_s",
                why=(f"summary.stages.{stage}.reason",),
            ),
        )
    ),
    Column(
        "story_not_read", "text", "", "Analyzers without a result that the story could not use: a stage may be missing for it.",
        "temporal_flow", "summary.not_read", keys=True, absent="all of them had a result",
    ),
    Column(
        "cut_to_beat_holds", "bool", "", "Whether the claim `cut_to_beat` holds.", "cross_analyzer_intelligence",
        "segments[claim=cut_to_beat].holds", absent="no such claim was examined in this clip",
    ),
    Column(
        "cut_to_beat_strength", "float", "0-1", "Strength of the claim `cut_to_beat`.", "cross_analyzer_intelligence",
        "segments[claim=cut_to_beat].strength", absent="no such claim was examined in this clip, or it has no strength",
    ),
)  # fmt: skip

SHORT_FORM: tuple[Column, ...] = (
    Column("hook_first_face_s", "float", "s", "First face.", "hook", "first_face_s", absent=NEVER),
    Column("hook_first_word_s", "float", "s", "First word that is spoken.", "hook", "first_word_s", absent=NEVER),
    Column("hook_first_voice_s", "float", "s", "First voice.", "hook", "first_voice_s", absent=NEVER),
    Column("hook_first_text_s", "float", "s", "First caption, title or sticker.", "hook", "first_text_s", absent=NEVER),
    Column("hook_first_cut_s", "float", "s", "First transition.", "hook", "first_cut_s", absent=NEVER),
    Column("hook_first_motion_s", "float", "s", "First motion.", "hook", "first_motion_s", absent=NEVER),
    Column("hook_louder_by_lu", "float", "LU", "The first three seconds against the whole clip.", "hook", "louder_by_lu"),
    Column(
        "mute_words_on_screen_share", "float", "0-1", "Spoken content words that also stand on the screen.", "mute_test",
        "without_sound.on_screen_share",
    ),
    Column(
        "mute_voice_with_text_share", "float", "0-1", "Time with voice in which a text stands.", "mute_test",
        "without_sound.voice_with_text_share",
    ),
    Column(
        "eyes_closed_words_spoken_share", "float", "0-1", "Content words on the screen that are also spoken.", "mute_test",
        "without_picture.spoken_share",
    ),
    Column("loop_picture_meets", "bool", "", "Whether the last picture runs on into the first.", "loop", "picture.meets"),
    Column("loop_sound_meets", "bool", "", "Whether the sound does.", "loop", "sound.meets"),
    Column("loop_sentence_meets", "bool", "", "Whether the sentence does.", "loop", "sentence.meets"),
    Column("longest_without_news_s", "float", "s", "Longest time without anything new.", "attention", "longest_without_news_s"),
    Column("news_per_10_s", "float", "1/10 s", "New things in ten seconds.", "attention", "news_per_10_s"),
)  # fmt: skip

MEASURED: tuple[Column, ...] = (*EDITING, *PICTURE, *TEXT, *SOUND, *VOICE, *STORY, *SHORT_FORM)
COLUMNS: tuple[Column, ...] = (*FACTS, *MEASURED)


def header() -> list[str]:
    """Names of all columns in order, each twin behind its column."""
    return [name for column in COLUMNS for name in ((column.name, column.name + WHY) if column.measured else (column.name,))]
