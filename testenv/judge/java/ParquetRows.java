import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.compression.CompressionCodecFactory;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.convert.GroupRecordConverter;
import org.apache.parquet.hadoop.CodecFactory;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.io.ColumnIOFactory;
import org.apache.parquet.io.LocalInputFile;
import org.apache.parquet.io.MessageColumnIO;
import org.apache.parquet.io.RecordReader;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType;
import org.apache.parquet.schema.Type;
import org.brotli.dec.BrotliInputStream;

/**
 * Reads Parquet files by parquet-java, checksums of pages included, and tells where it finds other rows than the truth.
 *
 * <p>A folder holds 0.parquet, 1.parquet, ... and beside each of them n.rows, a JSON array a line. Types are taken from the file alone. One line
 * is printed for each fault, and a last one that says how many files were looked at.
 */
public final class ParquetRows {
  public static void main(String[] args) throws IOException {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    int files = Integer.parseInt(args[1]);
    for (int n = 0; n < files; n++) {
      String fault;
      try {
        fault = difference(Path.of(args[0], n + ".parquet"), Path.of(args[0], n + ".rows"));
      } catch (Exception | LinkageError | AssertionError e) {
        fault = e + " at " + (e.getStackTrace().length > 0 ? e.getStackTrace()[0] : "?") + (e.getCause() != null ? ", because of " + e.getCause() : "");
      }
      if (fault != null) {
        out.println("file " + n + ", parquet-java: " + fault.replace('\n', ' '));
      }
    }
    out.println("read " + files);
    out.flush();
  }

  /** What differs, or null. */
  private static String difference(Path file, Path truth) throws IOException {
    ParquetReadOptions options = ParquetReadOptions.builder(new PlainParquetConfiguration()).usePageChecksumVerification(true).withCodecFactory(new Codecs()).build();
    try (BufferedReader lines = Files.newBufferedReader(truth, StandardCharsets.UTF_8);
        ParquetFileReader reader = new ParquetFileReader(new LocalInputFile(file), options)) {
      MessageType schema = reader.getFileMetaData().getSchema();
      MessageColumnIO io = new ColumnIOFactory().getColumnIO(schema);
      long row = 0;
      for (PageReadStore pages = reader.readNextRowGroup(); pages != null; pages = reader.readNextRowGroup()) {
        RecordReader<Group> records = io.getRecordReader(pages, new GroupRecordConverter(schema));
        for (long i = 0; i < pages.getRowCount(); i++, row++) {
          StringBuilder got = new StringBuilder();
          struct(got, records.read(), schema);
          String want = lines.readLine();
          if (!got.toString().equals(want)) {
            return "row " + row + " is " + cut(got.toString()) + ", want " + cut(want == null ? "no more" : want);
          }
        }
      }
      return lines.readLine() == null ? null : row + " rows, there are more";
    }
  }

  private static String cut(String s) {
    return s.length() > 1500 ? s.substring(0, 1500) : s;
  }

  private static void struct(StringBuilder out, Group g, GroupType type) {
    out.append('[');
    for (int i = 0; i < type.getFieldCount(); i++) {
      if (i > 0) {
        out.append(',');
      }
      field(out, g, i, type.getType(i));
    }
    out.append(']');
  }

  /** A field that is there once or not at all. */
  private static void field(StringBuilder out, Group g, int i, Type type) {
    int times = g.getFieldRepetitionCount(i);
    if (times == 0) {
      if (type.isRepetition(Type.Repetition.REQUIRED)) {
        throw new IllegalStateException(type.getName() + " is required and is not there");
      }
      out.append("null");
      return;
    }
    if (type.isPrimitive()) {
      primitive(out, g, i, type.asPrimitiveType());
      return;
    }
    LogicalTypeAnnotation kind = type.getLogicalTypeAnnotation();
    Group inner = g.getGroup(i, 0);
    if (!(kind instanceof LogicalTypeAnnotation.ListLogicalTypeAnnotation) && !(kind instanceof LogicalTypeAnnotation.MapLogicalTypeAnnotation)) {
      struct(out, inner, type.asGroupType());
      return;
    }
    GroupType repeated = type.asGroupType().getType(0).asGroupType();
    out.append('[');
    for (int k = 0; k < inner.getFieldRepetitionCount(0); k++) {
      if (k > 0) {
        out.append(',');
      }
      if (kind instanceof LogicalTypeAnnotation.MapLogicalTypeAnnotation) {
        struct(out, inner.getGroup(0, k), repeated);
      } else {
        field(out, inner.getGroup(0, k), 0, repeated.getType(0));
      }
    }
    out.append(']');
  }

  private static void primitive(StringBuilder out, Group g, int i, PrimitiveType type) {
    LogicalTypeAnnotation kind = type.getLogicalTypeAnnotation();
    switch (type.getPrimitiveTypeName()) {
      case BOOLEAN:
        out.append(g.getBoolean(i, 0));
        return;
      case INT32: // days and decimals too
        out.append('"').append(g.getInteger(i, 0)).append('"');
        return;
      case INT64: // times and decimals too
        out.append('"').append(g.getLong(i, 0)).append('"');
        return;
      case FLOAT:
        float f = g.getFloat(i, 0);
        out.append('"').append(Float.isNaN(f) ? "nan" : String.format("%08x", Float.floatToRawIntBits(f))).append('"');
        return;
      case DOUBLE:
        double d = g.getDouble(i, 0);
        out.append('"').append(Double.isNaN(d) ? "nan" : String.format("%016x", Double.doubleToRawLongBits(d))).append('"');
        return;
      case BINARY:
      case FIXED_LEN_BYTE_ARRAY:
        Binary b = g.getBinary(i, 0);
        if (kind instanceof LogicalTypeAnnotation.StringLogicalTypeAnnotation) {
          text(out, b.toStringUsingUTF8());
        } else if (kind instanceof LogicalTypeAnnotation.DecimalLogicalTypeAnnotation) {
          out.append('"').append(new BigInteger(b.getBytes())).append('"');
        } else {
          out.append('"').append(HexFormat.of().formatHex(b.getBytes())).append('"');
        }
        return;
      default:
        throw new IllegalStateException("no spelling of " + type);
    }
  }

  /** A string in JSON as Go writes it. */
  private static void text(StringBuilder out, String s) {
    out.append('"');
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      switch (c) {
        case '"', '\\' -> out.append('\\').append(c);
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        default -> {
          if (c < ' ' || c == '<' || c == '>' || c == '&' || c == '\u2028' || c == '\u2029') {
            out.append(String.format("\\u%04x", (int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }


  /** parquet-java's codecs, and Brotli, which it names without bringing it. */
  private static final class Codecs implements CompressionCodecFactory {
    private final CompressionCodecFactory own = new CodecFactory(new Configuration(false), 1 << 20);

    @Override
    public BytesInputCompressor getCompressor(CompressionCodecName name) {
      return own.getCompressor(name);
    }

    @Override
    public BytesInputDecompressor getDecompressor(CompressionCodecName name) {
      return name == CompressionCodecName.BROTLI ? new Brotli() : own.getDecompressor(name);
    }

    @Override
    public void release() {
      own.release();
    }
  }

  private static final class Brotli implements CompressionCodecFactory.BytesInputDecompressor {
    @Override
    public BytesInput decompress(BytesInput from, int size) throws IOException {
      return BytesInput.from(bytes(from.toInputStream(), size));
    }

    @Override
    public void decompress(ByteBuffer from, int compressed, ByteBuffer to, int size) throws IOException {
      byte[] page = new byte[compressed];
      from.get(page);
      to.put(bytes(new ByteArrayInputStream(page), size));
    }

    private static byte[] bytes(InputStream from, int size) throws IOException {
      try (BrotliInputStream in = new BrotliInputStream(from)) {
        byte[] out = in.readNBytes(size);
        if (out.length != size || in.read() != -1) {
          throw new IOException("brotli: the page has other than " + size + " bytes");
        }
        return out;
      }
    }

    @Override
    public void release() {}
  }
}
